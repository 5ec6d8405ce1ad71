/** The control API of a server, for the world of one key. */
import { URL } from "node:url";

import { ApimartError } from "./error";
import { exchanged, type Answer } from "./http";

const TIMEOUT_SECONDS = 30;
const MAX_SHOWN_BYTES = 200;

/** A client of the server at `url`. All methods reject with ApimartError. */
export class Control {
  readonly #url: string;
  readonly #headers: Record<string, string>;

  /** Without a key its calls are about the whole server. */
  constructor(url: string, apiKey?: string) {
    this.#url = url;
    this.#headers = apiKey === undefined ? {} : { Authorization: `Bearer ${sendable(apiKey)}` };
  }

  /** Send a call to `path` below `/_fake/`, with JSON or bytes; return the JSON of the answer. */
  async call<Result>(method: string, path: string, body?: unknown): Promise<Result> {
    return this.#json(await this.#sent(method, path, body, 0)) as Result;
  }

  /** Send a GET to `path` below `/_fake/` and return the bytes of the answer. */
  async read(path: string): Promise<Buffer> {
    return (await this.#sent("GET", path, undefined, 0)).body;
  }

  /** Return the JSON of a GET that may take so many `seconds`. */
  async wait<Result>(path: string, seconds: number): Promise<Result> {
    return this.#json(await this.#sent("GET", path, undefined, seconds)) as Result;
  }

  async #sent(method: string, path: string, body: unknown, seconds: number): Promise<Answer> {
    const url = urlOf(this.#url);
    const [prefix, [route, query]] = [url.pathname.replace(/\/$/, ""), path.split("?")];
    url.pathname = `${prefix}/_fake/${route}`;
    url.search = query ?? "";
    const timeout = (seconds + TIMEOUT_SECONDS) * 1000;
    const [content, type] = written(body);
    const headers = { ...this.#headers, "Content-Type": type };
    const answer = await this.#answered({ method, url, headers, body: content, timeout });
    if (answer.status !== 200) throw new ApimartError(this.#refusal(answer));
    return answer;
  }

  async #answered(sent: Parameters<typeof exchanged>[0]): Promise<Answer> {
    try {
      return await exchanged(sent);
    } catch (error) {
      throw new ApimartError(`${shownUrl(this.#url)} does not answer: ${reasonOf(error)}`);
    }
  }

  #json(answer: Answer): unknown {
    try {
      return JSON.parse(answer.body.toString());
    } catch {
      throw new ApimartError(this.#unexpected(answer));
    }
  }

  #refusal(answer: Answer): string {
    const message = messageOf(answer.body);
    if (message === undefined) return this.#unexpected(answer);
    if (!message.startsWith("Invalid URL")) return message;
    const hint = "is it a fake-apimart, with FAKE_APIMART_CONTROL on?";
    return `${shownUrl(this.#url)} has no control API: ${hint}`;
  }

  #unexpected({ status, body }: Answer): string {
    // On one line: it may be the page of another program.
    const shown = body.toString("utf8", 0, MAX_SHOWN_BYTES).split(/\s+/).join(" ").trim();
    return `${shownUrl(this.#url)} is no fake-apimart: it answered ${status} ${shown}`;
  }
}

/** Return the URL of a server. Throws ApimartError where it is none. */
export function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && url.hostname) return url;
  throw new ApimartError(
    `${JSON.stringify(shownUrl(text))} is no URL of a server, such as http://127.0.0.1:8080`,
  );
}

/** Return a URL with stars for what stands before the host. */
export function shownUrl(text: string): string {
  return text.replace(/\/\/[^/]*@/, "//***@");
}

function written(body: unknown): [Uint8Array | undefined, string] {
  // Not by instanceof: jest and jsdom have classes of their own.
  if (ArrayBuffer.isView(body)) return [body as Uint8Array, "application/octet-stream"];
  return [body === undefined ? undefined : Buffer.from(JSON.stringify(body)), "application/json"];
}

function messageOf(body: Buffer): string | undefined {
  try {
    const message: unknown = JSON.parse(body.toString())?.error?.message;
    return typeof message === "string" ? message : undefined;
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  // Where a name has several addresses, each has its error.
  const { errors, message } = error as Partial<AggregateError>;
  return (errors?.[0] as Error | undefined)?.message || message || String(error);
}

function sendable(key: string): string {
  if (/^[\x21-\x7e]+$/.test(key)) return key;
  throw new ApimartError("this API key cannot be sent: it is not printable ASCII");
}
