/** Before all tests: the package as npm would publish it, where tests and projects import it. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

const HERE = import.meta.dirname;
const OURS = join(HERE, "..", "..", "..", ".venv", "bin", "fake-apimart");
const MODULES = join(HERE, "node_modules");
export const PACKED = join(HERE, "packed");

export function setup(): void {
  const installed = join(MODULES, "fake-apimart");
  for (const folder of [PACKED, installed]) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }
  const npm = { cwd: join(HERE, ".."), shell: process.platform === "win32" };
  execFileSync("npm", ["pack", "--silent", "--pack-destination", PACKED], npm);
  const [archive = ""] = readdirSync(PACKED);
  execFileSync("tar", ["-xzf", join(PACKED, archive), "--strip-components=1", "-C", installed]);
  if (existsSync(OURS)) process.env["FAKE_APIMART_COMMAND"] ??= OURS;
}
