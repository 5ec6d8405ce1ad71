/** What the keeper of a run's server tells the workers: a folder that one of them has made. */
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname, tmpdir, userInfo } from "node:os";
import { createHash } from "node:crypto";
import { join } from "node:path";

import { ApimartError } from "../error";
import type { Run } from "./run";

export interface Notice {
  /** The process that keeps the server. */
  keeper: number;
  url?: string;
  /** Why there is no server. */
  error?: string;
}

/** Return the folder for the server of a run, of the so many-th if earlier keepers were killed. */
export function folderOf(run: Run, generation: number): string {
  const named = [hostname(), userInfo().username, run.pid, run.began, generation].join(" ");
  const name = createHash("sha256").update(named).digest("hex").slice(0, 24);
  return join(tmpdir(), `fake-apimart-${name}`);
}

/** Make the folder. Returns false where another worker has. */
export function claim(folder: string): boolean {
  try {
    mkdirSync(folder, { mode: 0o700 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw new ApimartError(`no folder for the server of this run: ${(error as Error).message}`);
  }
}

/** Return what the keeper has written, undefined before. Throws for somebody else's folder. */
export function readNotice(folder: string): Notice | undefined {
  try {
    if (process.getuid && statSync(folder).uid !== process.getuid()) {
      throw new ApimartError(`${folder} belongs to somebody else`);
    }
    return JSON.parse(readFileSync(join(folder, "notice.json"), "utf8")) as Notice;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Write it at once: nobody reads a half. */
export function writeNotice(folder: string, notice: Notice): void {
  const written = join(folder, "notice.new");
  writeFileSync(written, JSON.stringify(notice));
  renameSync(written, join(folder, "notice.json"));
}

export function removeNotice(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
