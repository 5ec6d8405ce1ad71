/** Starting a server where none runs: by a command, or else in a container. */
import { ApimartError } from "../error";
import { ChildServer } from "./child";
import { COMMAND_VARIABLE, foundCommand } from "./command";
import { hasTestcontainers, startContainer } from "./container";

export const URL_VARIABLE = "FAKE_APIMART_URL";
const NOWHERE =
  "there is no fake-apimart here: install it (pip install fake-apimart), or uv, or npm's package " +
  `testcontainers; or set ${URL_VARIABLE} to the address of one that runs, or ` +
  `${COMMAND_VARIABLE} to a command such as 'uvx fake-apimart'`;

/** A server that was started here. */
export interface RunningServer {
  url: string;
  /** Stop it, and wait until it has ended. */
  stop(): Promise<void>;
  /** Do not keep this process running for its sake. */
  unref(): void;
}

/** Return the address that FAKE_APIMART_URL names, undefined where it does not. */
export function namedUrl(): string | undefined {
  return process.env[URL_VARIABLE]?.trim().replace(/\/+$/, "") || undefined;
}

/** Start a server. Rejects with ApimartError, in one line, where there is none. */
export async function startServer(): Promise<RunningServer> {
  const command = foundCommand();
  if (command) return ChildServer.start(command);
  if (hasTestcontainers()) return startContainer();
  throw new ApimartError(NOWHERE);
}
