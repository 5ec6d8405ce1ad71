/** `apimart.uploads`: the files of a world, and putting one there before the test. */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath, type URL } from "node:url";

import { checkText, wrongType } from "../arguments";
import type { Control } from "../control";
import { typeError } from "../error";
import type { Schemas } from "../names";
import { Upload } from "./upload";

export class Uploads {
  readonly #control: Control;
  readonly #baseUrl: string;

  constructor(control: Control, baseUrl: string) {
    this.#control = control;
    this.#baseUrl = baseUrl;
  }

  /** The uploaded files, oldest first, whatever clock and rules say. Rejects with ApimartError. */
  async list(): Promise<Upload[]> {
    const found = await this.#control.call<Schemas["UploadsAnswer"]>("GET", "uploads");
    return found.uploads.map((fields) => new Upload(this.#control, this.#baseUrl, fields));
  }

  /**
   * Put a file into the world, as if a client had uploaded it, and return it.
   *
   * `content` is the path or the file URL of a file, or its bytes, which need a `filename`. It is
   * checked as an upload is, but meets no rule and no rate limit, and is no request. Rejects with
   * ApimartError with the vendor's message where it would be refused, and with TypeError.
   */
  async add(content: string | URL | Uint8Array | ArrayBuffer, filename?: string): Promise<Upload> {
    if (filename !== undefined) checkText("filename", filename);
    const path = pathOf(content);
    const name = filename || (path && basename(path));
    if (!name) throw typeError('filename must be given with bytes, such as "photo.png"');
    const bytes = path === undefined ? bytesOf(content) : await readFile(path);
    const call = `uploads?filename=${encodeURIComponent(name)}`;
    const added = await this.#control.call<Schemas["UploadAnswer"]>("POST", call, bytes);
    return new Upload(this.#control, this.#baseUrl, added);
  }
}

function pathOf(content: unknown): string | undefined {
  if (typeof content === "string") return content;
  const href = (content as Partial<URL> | null)?.href;
  return href === undefined ? undefined : fileURLToPath(href);
}

/** Return the bytes in an array of Node's own: one of jest's or of jsdom's is of another class. */
function bytesOf(content: unknown): Uint8Array {
  if (ArrayBuffer.isView(content)) {
    return Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  }
  if (Object.prototype.toString.call(content) === "[object ArrayBuffer]") {
    return Buffer.from(content as ArrayBuffer);
  }
  throw wrongType("content", "a path, a file URL or bytes", content);
}
