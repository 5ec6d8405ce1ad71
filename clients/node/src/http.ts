/**
 * A small HTTP/1.1 client on bare sockets: one request for each connection.
 *
 * Not `fetch` and not `node:http`: tests replace these (msw, nock, spies), and a test is about the
 * requests of its own client, not about those of the fixture. jsdom has no `fetch` at all.
 */
import * as net from "node:net";
import * as tls from "node:tls";

export interface Answer {
  status: number;
  body: Buffer;
}

export interface Sent {
  method: string;
  url: URL;
  headers: Record<string, string>;
  body: Uint8Array | undefined;
  /** After how many milliseconds of silence to give up. */
  timeout: number;
}

/** Send a request and return the whole answer. Rejects with an error of the connection. */
export async function exchanged(sent: Sent): Promise<Answer> {
  return parsed(await received(sent));
}

function received(sent: Sent): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connected(sent.url);
    const pieces: Buffer[] = [];
    socket.setTimeout(sent.timeout, () => {
      socket.destroy(new Error(`no answer in ${sent.timeout / 1000} s`));
    });
    socket.on("data", (piece: Buffer) => pieces.push(piece));
    socket.on("error", reject);
    socket.on("close", () => resolve(Buffer.concat(pieces)));
    socket.write(head(sent));
    if (sent.body) socket.write(sent.body);
  });
}

function connected(url: URL): net.Socket {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (url.protocol === "https:") {
    const port = Number(url.port || 443);
    // No name of a host may be an address.
    return tls.connect(net.isIP(host) ? { host, port } : { host, port, servername: host });
  }
  return net.connect({ host, port: Number(url.port || 80) });
}

function head({ method, url, headers, body }: Sent): string {
  const lines = [
    `${method} ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    "Connection: close",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(body ? [`Content-Length: ${body.length}`] : []),
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

function parsed(content: Buffer): Answer {
  const end = content.indexOf("\r\n\r\n");
  const lines = content.subarray(0, Math.max(end, 0)).toString("latin1").split("\r\n");
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(lines[0] ?? "")?.[1];
  if (status === undefined) {
    throw new Error(content.length ? "what it answers is no HTTP" : "it closed the connection");
  }
  const headers = new Map(lines.slice(1).map(field));
  const rest = content.subarray(end + 4);
  const length = Number(headers.get("content-length") ?? rest.length);
  const isChunked = headers.get("transfer-encoding")?.toLowerCase() === "chunked";
  if (!isChunked && rest.length < length) throw new Error("it cut its answer");
  return { status: Number(status), body: isChunked ? joined(rest) : rest.subarray(0, length) };
}

function field(line: string): [string, string] {
  const colon = line.indexOf(":");
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

/** Return the content of chunks. Throws where they are cut. */
function joined(chunks: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; ;) {
    const line = chunks.indexOf("\r\n", at);
    const size = line < 0 ? NaN : parseInt(chunks.toString("latin1", at, line), 16);
    if (!(line + 2 + size <= chunks.length)) throw new Error("it cut its answer");
    if (size === 0) return Buffer.concat(pieces);
    pieces.push(chunks.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
}
