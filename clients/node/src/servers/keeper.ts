/**
 * The program that keeps the server of a test run: a process of its own, since workers come and go.
 *
 * It ends once the run has ended, whatever way that ends. The server's standard input is a pipe of
 * this process, so that the server ends with it, whatever way this one ends.
 */
import { setTimeout as sleep } from "node:timers/promises";

import { ChildServer } from "./child";
import { removeNotice, writeNotice } from "./notice";
import { isRunning, type Run } from "./run";
import { startServer, type RunningServer } from "./started";

const PAUSE_MILLISECONDS = 200;

async function keep(folder: string, run: Run): Promise<void> {
  writeNotice(folder, { keeper: process.pid });
  const server = await started(folder);
  while (isRunning(run)) await sleep(PAUSE_MILLISECONDS);
  removeNotice(folder);
  await server?.stop();
}

async function started(folder: string): Promise<RunningServer | undefined> {
  const keeper = process.pid;
  try {
    const server = await startServer();
    writeNotice(folder, { keeper, url: server.url });
    if (server instanceof ChildServer) void tellItsEnd(folder, server);
    return server;
  } catch (error) {
    writeNotice(folder, { keeper, error: (error as Error).message });
    return undefined;
  }
}

async function tellItsEnd(folder: string, server: ChildServer): Promise<void> {
  const status = await server.ended;
  const log =
    server.log
      .trim()
      .split(/\s*\n\s*/)
      .join(" | ") || "no log";
  const error = `the server has ended by itself, with status ${status}: ${log}`;
  try {
    writeNotice(folder, { keeper: process.pid, error });
  } catch {
    // The run has ended, and the folder is gone.
  }
}

const [, , folder = "", pid = "", began = ""] = process.argv;
void keep(folder, { pid: Number(pid), began });
