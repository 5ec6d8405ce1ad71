/** `startApimart`: a server for scripts, and for whatever has no hooks. */
import { Apimart } from "./apimart";
import { checkOptions, checkText } from "./arguments";
import { namedUrl, startServer, type RunningServer } from "./servers/started";
import { checkVersion } from "./servers/version";

/** A server that runs, and worlds on it. */
export class StartedApimart implements AsyncDisposable {
  /** The base URL to use instead of `https://api.apimart.ai`. */
  readonly url: string;
  readonly #server: RunningServer | undefined;
  readonly #worlds: Apimart[] = [];

  /** @internal */
  constructor(url: string, server?: RunningServer) {
    this.url = url;
    this.#server = server;
  }

  /** Open a new world, which ends with the server at the latest. Rejects with ApimartError. */
  async world(label = ""): Promise<Apimart> {
    const world = await Apimart.open(this.url, label);
    this.#worlds.push(world);
    return world;
  }

  /** Stop the server, unless it ran before: then its worlds end alone. */
  async stop(): Promise<void> {
    const worlds = this.#worlds.splice(0);
    if (this.#server) await this.#server.stop();
    else await Promise.all(worlds.map((world) => world.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/**
 * Start a server, or take the one at `url` or FAKE_APIMART_URL. Rejects with ApimartError.
 *
 * It ends with `stop`, with `await using`, and with this process at the latest.
 */
export async function startApimart(options: { url?: string } = {}): Promise<StartedApimart> {
  checkOptions("startApimart", options, ["url"]);
  if (options.url !== undefined) checkText("url", options.url);
  const named = options.url?.replace(/\/+$/, "") ?? namedUrl();
  const server = named === undefined ? await startServer() : undefined;
  server?.unref();
  const url = named ?? server?.url ?? "";
  await checkVersion(url);
  return new StartedApimart(url, server);
}
