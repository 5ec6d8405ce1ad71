/** The test run that this process is a part of, whose workers share a server. */
import { readFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

/** A process, and when it began: another one may get its number later. */
export interface Run {
  pid: number;
  began: string;
}

/**
 * Return the process whose end is the end of the run: the one that starts all workers.
 *
 * vitest, jest and Playwright fork their workers, and `node --test` starts a process for each file;
 * threads, and a run in one process, have the process itself.
 */
export function ownRun(): Run {
  // Not by `process.send`, which jest makes up.
  const isForked = process.connected === true;
  const isFileOfNode = process.env["NODE_TEST_CONTEXT"]?.startsWith("child") ?? false;
  const pid = isMainThread && (isForked || isFileOfNode) ? process.ppid : process.pid;
  return { pid, began: statOf(pid)?.began ?? "" };
}

/** Return whether a run has not ended. */
export function isRunning({ pid, began }: Run): boolean {
  if (!isAlive(pid)) return false;
  const stat = statOf(pid);
  return !stat || (stat.began === began && stat.state !== "Z");
}

/** Return whether there is a process of this number. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Return what Linux says of a process: one that was killed may wait to be collected. */
function statOf(pid: number): { state: string; began: string } | undefined {
  try {
    // Behind the name, which may hold anything.
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").pop()?.split(" ") ?? [];
    return { state: fields[0] ?? "", began: fields[19] ?? "" };
  } catch {
    return undefined;
  }
}
