/** The command that starts a server: one that is named, or one on PATH. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

import { splitCommand } from "./split";

export const COMMAND_VARIABLE = "FAKE_APIMART_COMMAND";
const ENDINGS = process.platform === "win32" ? [".exe", ".cmd", ".bat"] : [""];

/** Return the command without its arguments, undefined where there is none. */
export function foundCommand(): string[] | undefined {
  const named = process.env[COMMAND_VARIABLE]?.trim();
  if (named) return splitCommand(named);
  const ours = onPath("fake-apimart");
  if (ours) return [ours];
  const uvx = onPath("uvx");
  return uvx ? [uvx, "fake-apimart"] : undefined;
}

function onPath(name: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter(Boolean);
  return folders
    .flatMap((folder) => ENDINGS.map((ending) => join(folder, name + ending)))
    .find(existsSync);
}
