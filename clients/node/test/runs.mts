/** Runs of other programs in the projects of this folder. */
import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";

export const PROJECTS = join(import.meta.dirname, "projects");
export const BIN = join(import.meta.dirname, "..", "node_modules", ".bin");

export interface Ran {
  status: number | null;
  output: string;
}

export interface Running {
  process: ChildProcess;
  ran: Promise<Ran>;
}

/** Start a program, with what this run was told of servers, and without the marks of its runner. */
export function start(command: string[], cwd: string, variables: NodeJS.ProcessEnv = {}): Running {
  const { PATH, HOME, FAKE_APIMART_COMMAND } = process.env;
  const env = { PATH, HOME, FAKE_APIMART_COMMAND, NO_COLOR: "1", CI: "1", ...variables };
  const child = spawn(command[0]!, command.slice(1), { cwd, env });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (piece: string) => (output += piece));
  }
  const ran = new Promise<Ran>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, output }));
  });
  return { process: child, ran };
}

export async function run(
  command: string[],
  cwd: string,
  variables: NodeJS.ProcessEnv = {},
): Promise<Ran> {
  return start(command, cwd, variables).ran;
}

/** Wait until something holds. */
export async function until(holds: () => boolean | Promise<boolean>, seconds = 10): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`it does not hold after ${seconds} s: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Whether a server listens at an address. */
export async function answers(url: string): Promise<boolean> {
  return fetch(`${url}/_fake/health`).then(
    (answer) => answer.ok,
    () => false,
  );
}
