/** `apimart.requests`: the requests that clients have sent, and waiting for them. */
import { checkInteger, checkNumber, checkOptions, checkText } from "../arguments";
import type { Control } from "../control";
import { ApimartError, rangeError } from "../error";
import type { Operation, Schemas } from "../names";
import { Request } from "./request";

/** How many requests a message shows. */
const MAX_SHOWN = 10;

/** The longest time that a server waits, in seconds. */
const MAX_WAIT_SECONDS = 300;

export interface Matching {
  operation?: Operation;
  /** With what they were answered. */
  status?: number;
}

export interface Waiting extends Matching {
  /** How many must have come; 1 if it is missing. */
  count?: number;
  /** How long to wait, in seconds; 5 if it is missing. */
  timeout?: number;
}

/** The journal of a world, newest last. All methods reject with ApimartError. */
export class Requests {
  readonly #control: Control;

  constructor(control: Control) {
    this.#control = control;
  }

  /** All requests. */
  async list(): Promise<Request[]> {
    return this.matching({});
  }

  /** The requests to this operation, answered with this status. Rejects with TypeError too. */
  async matching(wanted: Matching): Promise<Request[]> {
    checkOptions("requests.matching", wanted, ["operation", "status"]);
    const path = `requests?${query(wanted)}`;
    const found = await this.#control.call<Schemas["RequestsAnswer"]>("GET", path);
    return found.requests.map((fields) => new Request(fields));
  }

  /**
   * Wait until so many requests match, and return all that do.
   *
   * Rejects with ApimartError after the `timeout`, with the requests that came instead, and with
   * TypeError and RangeError.
   */
  async waitFor(wanted: Waiting = {}): Promise<Request[]> {
    checkOptions("requests.waitFor", wanted, ["operation", "status", "count", "timeout"]);
    const { count = 1, timeout = 5, ...matching } = wanted;
    checkInteger("count", count);
    checkNumber("timeout", timeout);
    if (timeout < 0 || timeout > MAX_WAIT_SECONDS) {
      throw rangeError(`timeout is in seconds, 0 to ${MAX_WAIT_SECONDS}, not ${timeout}`);
    }
    const path = `requests/wait?${query(matching)}&count=${count}&timeout=${timeout}`;
    const found = await this.#control.wait<Schemas["WaitAnswer"]>(path, timeout);
    if (!found.satisfied) {
      const came = `${found.requests.length} came. ${await this.nearest(wanted.operation)}`;
      const condition = described(matching);
      throw new ApimartError(`waited ${timeout} s for ${count} request(s) ${condition}, ${came}`);
    }
    return found.requests.map((fields) => new Request(fields));
  }

  /** Clear the journal. */
  async clear(): Promise<void> {
    await this.#control.call("POST", "reset/journal");
  }

  /** Describe the latest requests: those to the same operation, or any if there are none. */
  async nearest(operation?: string): Promise<string> {
    const sent = await this.list();
    if (!sent.length) return "Nothing was sent with this key.";
    const same = sent.filter((each) => each.operation === operation);
    const shown = (same.length ? same : sent).slice(-MAX_SHOWN);
    return `Nearest were:\n  ${shown.map((each) => `<${each}>`).join("\n  ")}`;
  }
}

function query({ operation, status }: Matching): URLSearchParams {
  const parameters = new URLSearchParams();
  if (operation !== undefined) {
    checkText("operation", operation);
    parameters.set("operation", operation);
  }
  if (status !== undefined) {
    checkInteger("status", status);
    parameters.set("status", `${status}`);
  }
  return parameters;
}

function described({ operation, status }: Matching): string {
  const words = [...(operation ? [operation] : []), ...(status ? [`answered ${status}`] : [])];
  return words.join(" ") || "of any kind";
}
