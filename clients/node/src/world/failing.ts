/** What `apimart.fail` takes, as the control API has it. */
import {
  checkFlag,
  checkHeaders,
  checkInteger,
  checkJson,
  checkNumber,
  checkObject,
  checkOptions,
  checkText,
} from "../arguments";
import type { ErrorName, Schemas, SocketFault } from "../names";

/** How requests fail, which of them, and how often. */
export interface Failing {
  /** An error of the vendor's. */
  error?: ErrorName | undefined;
  /** The status of an answer of your own. */
  status?: number | undefined;
  /** The headers of an answer of your own, or further ones of an `error`. */
  headers?: Record<string, string> | undefined;
  /** The body of an answer of your own: text and bytes as they are, all else as JSON. */
  body?: unknown;
  /** A fault of the connection. */
  socket?: SocketFault | undefined;
  /** The pace of the socket fault of that name. */
  dribble?: { bytes?: number; seconds?: number } | undefined;
  /** What passes before, in seconds; alone it is an effect too. */
  delay?: number | undefined;
  /** Which requests count, such as `{ filename: { glob: "*.png" } }`. */
  where?: Record<string, unknown> | undefined;
  /** How many requests fail: 1 if it is missing, all that come if it is null. */
  times?: number | null | undefined;
  /** How many pass first. */
  after?: number | undefined;
  /** Of those that follow each so many-th fails. */
  every?: number | undefined;
  /** Whether a test may pass although no request has met the rule. */
  optional?: boolean | undefined;
}

const CHECKS: Record<keyof Failing, (name: string, value: unknown) => void> = {
  error: checkText,
  status: checkInteger,
  headers: checkHeaders,
  body: () => undefined,
  socket: checkText,
  dribble: checkObject,
  delay: checkNumber,
  where: checkObject,
  times: checkInteger,
  after: checkInteger,
  every: checkInteger,
  optional: checkFlag,
};

/** Return the body of the call that adds a rule. Throws TypeError and RangeError. */
export function ruleOf(operation: string, failing: Failing): Schemas["RuleBody"] {
  checkText("operation", operation);
  checkOptions("fail", failing, Object.keys(CHECKS));
  for (const [name, value] of Object.entries(failing)) {
    if (value === undefined || (name === "times" && value === null)) continue;
    CHECKS[name as keyof Failing](name, value);
  }
  const { optional: _, body, ...fields } = failing;
  return { ...fields, ...bodyFields(body), operation } as Schemas["RuleBody"];
}

function bodyFields(body: unknown): Partial<Schemas["RuleBody"]> {
  if (body === undefined) return {};
  if (ArrayBuffer.isView(body)) {
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    return { body_base64: bytes.toString("base64") };
  }
  checkJson("body", body);
  return { body: body as Schemas["JsonValue"] };
}
