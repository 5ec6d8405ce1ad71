/** `Apimart`: one world, and everything that a test can do with it. */
import { randomBytes } from "node:crypto";
import { inspect } from "node:util";

import {
  checkInteger,
  checkNumber,
  checkOptions,
  checkText,
  secondsOf,
  type Duration,
} from "./arguments";
import { Control } from "./control";
import { ApimartError } from "./error";
import type { Operation, Schemas } from "./names";
import { checkVersion } from "./servers/version";
import { Clock } from "./world/clock";
import { environmentOf, SetVariables, type Environment } from "./world/environment";
import { ruleOf, type Failing } from "./world/failing";
import { checkLabel, numbered } from "./world/label";
import { described, titleOf } from "./world/report";
import { Requests } from "./world/requests";
import { Rule, type Written } from "./world/rule";
import { Tasks } from "./world/tasks";
import { Uploads } from "./world/uploads";

/** Settings of a world that are no calls of their own. */
type Settings = Partial<Record<keyof Schemas["OwnSettingsAnswer"] | "label", unknown>>;

/**
 * The world of one API key on a server. No other test has the key.
 *
 * Methods reject with ApimartError, with the server's reason, where it refuses a call, and with
 * TypeError or RangeError, which name the argument.
 */
export class Apimart implements AsyncDisposable {
  /** The base URL to use instead of `https://api.apimart.ai`. */
  readonly baseUrl: string;
  readonly apiKey: string;
  /** What the world is called in the server's log and in reports. */
  readonly label: string;
  /** The clock of this world. */
  readonly clock: Clock;
  /** The uploaded files. */
  readonly uploads: Uploads;
  /** The generation tasks. */
  readonly tasks: Tasks;
  /** The requests that were sent with this key. */
  readonly requests: Requests;
  /** The rules added by `fail` since the last reset. */
  readonly rules: Rule[] = [];
  readonly #control: Control;
  readonly #others: Apimart[] = [];
  readonly #variables = new SetVariables();
  #isClosed = false;

  private constructor(baseUrl: string, label: string) {
    this.baseUrl = baseUrl;
    // Not from Math.random, which tests mock: keys would not be unique.
    this.apiKey = `sk-fake-${randomBytes(16).toString("hex")}`;
    this.label = label;
    this.#control = new Control(baseUrl, this.apiKey);
    this.clock = new Clock(this.#control);
    this.uploads = new Uploads(this.#control, baseUrl);
    this.tasks = new Tasks(this.#control);
    this.requests = new Requests(this.#control);
  }

  /** Open a new world on the server at `url`. Rejects where it is too old, or does not answer. */
  static async open(url: string, label = ""): Promise<Apimart> {
    checkText("url", url);
    checkLabel(label);
    const baseUrl = url.replace(/\/+$/, "");
    await checkVersion(baseUrl);
    const world = new Apimart(baseUrl, label);
    await world.#tellLabel();
    return world;
  }

  /** The variables by which programs find this world, and no proxy on the way. */
  get env(): Environment {
    return environmentOf(this.baseUrl, this.apiKey);
  }

  /** Set the variables of `env` in this process until the world ends. */
  setEnv(): void {
    this.#variables.set(this.env);
  }

  /**
   * Add a rule that makes the next requests to `operation` fail: one, or as many as `times` says.
   *
   * They fail with an `error` of the vendor's, with an answer of your own (`status`, `headers`,
   * `body`), or with a fault of the `socket`, after a `delay` in seconds. If no request meets the
   * rule, the test fails, unless the rule is `optional` or was removed.
   */
  async fail(operation: Operation, failing: Failing): Promise<Rule> {
    const written: Written = {};
    Error.captureStackTrace(written, this.fail);
    const body = ruleOf(operation, failing);
    const created = await this.#control.call<Schemas["RuleAnswer"]>("POST", "faults", body);
    const rule = new Rule(this.#control, created, failing.optional ?? false, written);
    this.rules.push(rule);
    return rule;
  }

  /** Set how long tasks take: `seconds`, a number of `polls`, or both. */
  async pace(pace: { seconds?: number; polls?: number }): Promise<void> {
    checkOptions("pace", pace, ["seconds", "polls"]);
    const { seconds = 0, polls = 0 } = pace;
    checkNumber("seconds", seconds);
    checkInteger("polls", polls);
    await this.#set({ task_seconds: seconds, task_polls: polls });
  }

  /** Make tasks fail with this message. */
  async tasksFail(message = "task failed on purpose"): Promise<void> {
    checkText("message", message);
    await this.#set({ task_failure: message });
  }

  /** Make tasks complete, which is the default. */
  async tasksComplete(): Promise<void> {
    await this.#set({ task_failure: "" });
  }

  /** Set the initial balance of the key, from which its spending is subtracted. */
  async balance(amount: number): Promise<void> {
    checkNumber("amount", amount);
    await this.#set({ balance: amount });
  }

  /** Set the rate limit of the key, such as `3/minute`; null removes it. */
  async rateLimit(rate: string | null): Promise<void> {
    if (rate !== null) checkText("rate", rate);
    await this.#set({ rate_limit: rate ?? "" });
  }

  /** Answer as on the vendor's page or as the live service; null is for the server's own. */
  async dialect(name: "page" | "live" | null): Promise<void> {
    if (name !== null) checkText("name", name);
    await this.#set({ dialect: name });
  }

  /** Refuse uploads of more than `size` bytes; null is for the server's own limit. */
  async sizeLimit(size: number | null): Promise<void> {
    if (size !== null) checkInteger("size", size);
    await this.#set({ max_file_bytes: size });
  }

  /**
   * Let the URLs of files that are uploaded from now on live so long, in whole seconds.
   *
   * null is for the server's own lifetime: 72 hours, if nobody has set it.
   */
  async urlLifetime(lifetime: Duration | null): Promise<void> {
    const seconds = lifetime && Math.round(secondsOf("urlLifetime", lifetime));
    await this.#set({ url_ttl_seconds: seconds });
  }

  /** Return a second tenant of the same server: a new world, which ends with this one. */
  async another(): Promise<Apimart> {
    const label = numbered(this.label, this.#others.length + 2);
    const other = await Apimart.open(this.baseUrl, label);
    this.#others.push(other);
    return other;
  }

  /** Remove uploads, tasks, rules and requests; reset clock and settings. */
  async reset(): Promise<void> {
    await this.#control.call("POST", "reset");
    this.rules.length = 0;
    await this.#tellLabel();
  }

  /** Reject if no request has met a rule, of this world or of one by `another`. */
  async checkRules(): Promise<void> {
    const missed = await this.missedRules();
    if (missed[0]) {
      const nearest = await this.requests.nearest(missed[0].operation);
      throw missed[0].blame(new ApimartError(`never met: ${missed.join(", ")}. ${nearest}`));
    }
    for (const other of this.#others) await other.checkRules();
  }

  /** The rules of this world for which a test fails that ends now; none once it is closed. */
  async missedRules(): Promise<Rule[]> {
    if (this.#isClosed) return [];
    const missed = await Promise.all(this.rules.map((rule) => rule.isMissed()));
    return this.rules.filter((_, index) => missed[index]);
  }

  /** What was sent to this world and to those made by `another`, for people to read. */
  async describedRequests(): Promise<string> {
    return described([this, ...this.#others.filter((other) => !other.#isClosed)]);
  }

  /** Remove this world and those made by `another`, and restore the variables of this process. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#variables.restore();
    for (const other of this.#others) await other.close();
    await this.#control.call("DELETE", "world");
  }

  /** Check the rules, then close: what ends an `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.checkRules();
    } finally {
      await this.close();
    }
  }

  toString(): string {
    return `<Apimart ${titleOf(this)} at ${this.baseUrl}>`;
  }

  [inspect.custom](): string {
    return this.toString();
  }

  async #set(settings: Settings): Promise<void> {
    await this.#control.call("PATCH", "world", settings);
  }

  async #tellLabel(): Promise<void> {
    if (this.label) await this.#set({ label: this.label });
  }
}
