/** One server for all workers of a test run: the first that asks has it started. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import * as timers from "node:timers/promises";

import { ApimartError } from "../error";
import { claim, folderOf, readNotice } from "./notice";
import { isAlive, ownRun, type Run } from "./run";
import { namedUrl } from "./started";

/** How long a server may take to start: uvx downloads it, and an engine its image. */
const PATIENCE_SECONDS = 300;
/** What hooks that wait for it need, and what a runner takes as the timeout of a hook. */
export const PATIENCE_MILLISECONDS = (PATIENCE_SECONDS + 10) * 1000;
/** How long a keeper may take to say that it is there. */
const KEEPER_SECONDS = 20;
const PAUSE_MILLISECONDS = 20;
// As it is now: tests put clocks of their own in its place.
const sleep = timers.setTimeout;
const now = performance.now.bind(performance);

/** Return the address of the server of this run. Rejects with ApimartError. */
export async function sharedUrl(): Promise<string> {
  return namedUrl() ?? (await keptUrl(ownRun()));
}

async function keptUrl(run: Run): Promise<string> {
  const deadline = now() + PATIENCE_SECONDS * 1000;
  for (let generation = 0; now() < deadline; generation++) {
    const folder = folderOf(run, generation);
    if (claim(folder)) startKeeper(folder, run);
    const url = await toldUrl(folder, deadline);
    if (url !== undefined) return url;
  }
  throw new ApimartError(`the server did not start within ${PATIENCE_SECONDS} s`);
}

function startKeeper(folder: string, run: Run): void {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const words = [join(__dirname, "keeper.js"), folder, `${run.pid}`, run.began];
  const keeper = spawn(process.execPath, words, {
    detached: true,
    env,
    stdio: "ignore",
    windowsHide: true,
  });
  // Whoever waits for its notice says so.
  keeper.on("error", () => undefined);
  keeper.unref();
}

/** Return what a keeper tells, undefined where it was killed. Rejects where it has no server. */
async function toldUrl(folder: string, deadline: number): Promise<string | undefined> {
  const latest = now() + KEEPER_SECONDS * 1000;
  while (now() < deadline) {
    const notice = readNotice(folder);
    if (notice && !isAlive(notice.keeper)) return undefined;
    if (!notice && now() > latest) return undefined;
    if (notice?.error) throw new ApimartError(notice.error);
    if (notice?.url) return notice.url;
    await sleep(PAUSE_MILLISECONDS);
  }
  return undefined;
}
