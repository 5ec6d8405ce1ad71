// Puts the package, as npm would publish it, where the tests and their projects import it.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const PACKED = join(ROOT, "test", "packed");
const INSTALLED = join(ROOT, "test", "node_modules", "fake-apimart");

export function pack() {
  for (const folder of [PACKED, INSTALLED]) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }
  const npm = { cwd: ROOT, shell: process.platform === "win32" };
  execFileSync("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", PACKED], npm);
  const [archive = ""] = readdirSync(PACKED);
  execFileSync("tar", ["-xzf", join(PACKED, archive), "--strip-components=1", "-C", INSTALLED]);
}

pack();
