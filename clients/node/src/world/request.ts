import { inspect } from "node:util";

import type { Schemas } from "../names";

/** An answer as the server made it; a fault of the connection may have cut it. */
export interface GivenAnswer {
  /** By lower-case name, with secrets redacted; without `Date` and `Connection`. */
  headers: Record<string, string>;
  /** The JSON body, or a text; the beginning where it is long, null of a file. */
  json: any;
  /** The size of the body. */
  bytes: number;
}

/** A client's request and the answer to it. */
export class Request {
  readonly id: number;
  /** Unix seconds by the world's clock. */
  readonly time: number;
  readonly operation: string | null;
  readonly method: string;
  /** Decoded, without the query. */
  readonly path: string;
  /** As it was sent, with secrets redacted; empty where there was none. */
  readonly query: string;
  /** null if no answer was sent. */
  readonly status: number | null;
  /** The message of the error that was answered. */
  readonly error: string | null;
  /** The name of the rule that answered. */
  readonly fault: string | null;
  /** In seconds. */
  readonly duration: number;
  /** By lower-case name, with secrets such as the API key redacted. */
  readonly headers: Record<string, string>;
  readonly taskId: string | null;
  /** The last segment of the file's URL. */
  readonly file: string | null;
  readonly filename: string | null;
  readonly contentType: string | null;
  /** The file's size in bytes. */
  readonly size: number | null;
  readonly sha256: string | null;
  /** The headers of the form part that contained the file. */
  readonly partHeaders: Record<string, string>;
  /** The JSON body; text if it is no JSON, long, or too deep for most parsers. */
  readonly json: any;
  /** The names of fields that were sent and ignored. */
  readonly unreadFields: string[];
  /** What was answered; null if no answer was sent. */
  readonly answer: GivenAnswer | null;

  constructor(fields: Schemas["RequestAnswer"]) {
    this.id = fields.id;
    this.time = fields.time;
    this.operation = fields.operation;
    this.method = fields.method;
    this.path = fields.path;
    this.query = fields.query;
    this.status = fields.status;
    this.error = fields.error;
    this.fault = fields.fault;
    this.duration = fields.duration;
    this.headers = fields.headers;
    this.taskId = fields.task_id;
    this.file = fields.file;
    this.filename = fields.filename;
    this.contentType = fields.content_type;
    this.size = fields.size;
    this.sha256 = fields.sha256;
    this.partHeaders = fields.part_headers;
    this.json = fields.body;
    this.unreadFields = fields.unread_fields;
    this.answer = answerOf(fields.answer);
  }

  /** What it was and what was answered, in a line. */
  toString(): string {
    const answered = this.status === null ? "no answer" : `${this.status}`;
    const error = this.error ? ` ${this.error}` : "";
    const rule = this.fault ? ` (rule: ${this.fault})` : "";
    const asked = `${this.operation ?? "unknown"}: ${this.method} ${this.path}`;
    return `${asked} -> ${answered}${error}${rule}`;
  }

  [inspect.custom](): string {
    return `<${this}>`;
  }
}

function answerOf(fields: Schemas["RequestAnswer"]["answer"]): GivenAnswer | null {
  return fields && { headers: fields.headers, json: fields.body, bytes: fields.bytes };
}
