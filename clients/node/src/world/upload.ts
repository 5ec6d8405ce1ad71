import { createHash } from "node:crypto";

import type { Control } from "../control";
import type { Schemas } from "../names";

/** An uploaded file; times are Unix seconds by the world's clock. */
export class Upload {
  /** The last segment of its URL. */
  readonly name: string;
  readonly url: string;
  readonly filename: string | null;
  readonly contentType: string;
  /** Its size. */
  readonly bytes: number;
  readonly createdAt: number;
  expiresAt: number;
  /** Whether the URL had not expired when the file was listed. */
  alive: boolean;
  readonly #control: Control;

  constructor(control: Control, baseUrl: string, fields: Schemas["UploadAnswer"]) {
    this.#control = control;
    this.name = fields.name;
    this.url = baseUrl + fields.path;
    this.filename = fields.filename;
    this.contentType = fields.content_type;
    this.bytes = fields.bytes;
    this.createdAt = fields.created_at;
    this.expiresAt = fields.expires_at;
    this.alive = fields.alive;
  }

  /** Let the URL be dead from now on. Rejects with ApimartError where it has expired already. */
  async expire(): Promise<void> {
    const path = `uploads/${this.name}/expire`;
    const expired = await this.#control.call<Schemas["UploadAnswer"]>("POST", path);
    this.expiresAt = expired.expires_at;
    this.alive = expired.alive;
  }

  /** The bytes as uploaded, even if the URL has expired. Rejects with ApimartError. */
  async read(): Promise<Buffer> {
    return this.#control.read(`uploads/${this.name}`);
  }

  /** The hexadecimal digest of its bytes. Rejects with ApimartError. */
  async sha256(): Promise<string> {
    return createHash("sha256")
      .update(await this.read())
      .digest("hex");
  }
}
