/** A child process that serves: how it is started, where it listens, and how it ends. */
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";

import { ApimartError } from "../error";

const FLAGS = [
  ...["serve", "--host", "127.0.0.1", "--port", "0", "--storage", "memory://"],
  ...["--state", "memory://", "--workers", "1"],
  ...["--control", "--no-access-log", "--until-stdin-ends"],
];
/** Variables that the flags set, or that are ours: the server refuses those it does not know. */
const NOT_PASSED_ON = [
  ...["HOST", "PORT", "STORAGE", "PUBLIC_URL", "CONTROL", "ACCESS_LOG", "DELIVERY"],
  ...["PUBLIC_HOSTS", "TRUSTED_PROXIES", "STATE", "WORKERS"],
  ...["URL", "COMMAND", "IMAGE"],
].map((name) => `FAKE_APIMART_${name}`);
const LISTENING = /listening on (\S+)/;
const MAX_LOG_CHARACTERS = 4000;
const STOP_MILLISECONDS = 10_000;

/**
 * A fake APIMart of our own on this machine, with everything in memory.
 *
 * It ends when this process ends for whatever reason: its standard input ends then.
 */
export class ChildServer {
  readonly url: string;
  readonly #process: ChildProcess;
  readonly #log: Log;

  private constructor(url: string, process: ChildProcess, log: Log) {
    this.url = url;
    this.#process = process;
    this.#log = log;
  }

  /** Start a command, and wait until it listens. Rejects with ApimartError. */
  static async start(command: readonly string[]): Promise<ChildServer> {
    const [program = "", ...words] = command;
    const child = spawn(program, [...words, ...FLAGS], {
      // A new group does not get Ctrl+C, so that the server outlives the teardown of the tests.
      detached: process.platform !== "win32",
      env: environment(),
      windowsHide: true,
      shell: /\.(cmd|bat)$/.test(program),
    });
    const log = new Log(child);
    const url = await listening(child, log, command.join(" "));
    return new ChildServer(url, child, log);
  }

  /** What it has said on its standard error, at the end of it. */
  get log(): string {
    return this.#log.text;
  }

  /** Resolve with the status once it has ended, by itself or by `stop`. */
  get ended(): Promise<number | null> {
    return exited(this.#process);
  }

  /** Do not keep this process running for the server's sake. */
  unref(): void {
    this.#process.unref();
    for (const stream of [this.#process.stdin, this.#process.stdout, this.#process.stderr]) {
      (stream as unknown as { unref(): void }).unref();
    }
  }

  /** Stop it, and wait until it has ended. */
  async stop(): Promise<void> {
    this.#process.stdin?.end();
    const late = setTimeout(() => kill(this.#process), STOP_MILLISECONDS);
    await exited(this.#process);
    clearTimeout(late);
  }
}

/** The end of what a child says on its standard error. */
class Log {
  text = "";

  constructor(child: ChildProcess) {
    child.stderr?.setEncoding("utf8").on("data", (piece: string) => {
      this.text = (this.text + piece).slice(-MAX_LOG_CHARACTERS);
    });
    // Where it has ended, what is written to it goes nowhere.
    child.stdin?.on("error", () => undefined);
  }
}

function listening(child: ChildProcess, log: Log, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const failed = (reason: string): void => {
      reject(new ApimartError(`the server did not start: ${reason}`));
    };
    // A command of somebody's own may print lines before.
    createInterface({ input: child.stdout! }).on("line", (line) => {
      const url = LISTENING.exec(line)?.[1];
      if (url) resolve(url);
    });
    child.once("error", (error) => failed(`${command}: ${error.message}`));
    child.once("close", (status) => {
      failed(oneLine(log.text) || `${command} serve ended with status ${status}`);
    });
  });
}

function oneLine(text: string): string {
  return text
    .trim()
    .split(/\s*\n\s*/)
    .join(" | ");
}

function exited(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.once("exit", resolve));
}

/** Kill the process, and those that its command has started. */
function kill(child: ChildProcess): void {
  if (process.platform === "win32" || child.pid === undefined) child.kill("SIGKILL");
  else process.kill(-child.pid, "SIGKILL");
}

function environment(): NodeJS.ProcessEnv {
  const passed = Object.entries(process.env).filter(([name]) => !NOT_PASSED_ON.includes(name));
  return Object.fromEntries(passed);
}
