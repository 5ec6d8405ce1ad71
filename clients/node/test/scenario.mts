/** Takes the steps of one scenario; README.md of the table says what they are. */
import { Apimart, type Rule, type Task, type Upload } from "fake-apimart";
import { expect } from "vitest";

import { generate, PNG, send, upload, type Reached } from "./requests.mjs";

export interface Step {
  send?: string;
  do?: string;
  read?: "uploads" | "tasks" | "requests";
  world?: string;
  on?: string;
  with?: Given;
  as?: string;
  gives?: unknown;
  raises?: string;
  breaks?: boolean;
}

type Given = Record<string, any>;

const CONTENTS: Record<string, Buffer> = { png: PNG, text: Buffer.from("This is no picture.\n") };

export const SENDS: Record<string, (world: Reached, step: Given) => Promise<Response>> = {
  upload: (world, { filename, content }) => upload(world, filename, CONTENTS[content]),
  generate: (world, { json }) => generate(world, json),
  poll: (world, { task }) => send(world, `/v1/tasks/${task}`),
  get: (world, { url }) => send(world, url),
  balance: (world) => send(world, "/v1/balance"),
};

const OF_A_WORLD: Record<string, (world: Apimart, given: Given) => unknown> = {
  fail: (world, { operation, ...failing }) => world.fail(operation, failing),
  check_rules: (world) => world.checkRules(),
  another: (world) => world.another(),
  reset: (world) => world.reset(),
  pace: (world, given) => world.pace(given),
  tasks_fail: (world, { message }) => world.tasksFail(message),
  tasks_complete: (world) => world.tasksComplete(),
  balance: (world, { amount }) => world.balance(amount),
  rate_limit: (world, { rate }) => world.rateLimit(rate),
  dialect: (world, { name }) => world.dialect(name),
  size_limit: (world, { size }) => world.sizeLimit(size),
  url_lifetime: (world, given) => world.urlLifetime(given),
  "clock.advance": (world, given) => world.clock.advance(given),
  "clock.freeze": (world) => world.clock.freeze(),
  "clock.reset": (world) => world.clock.reset(),
  "uploads.add": (world, { content, filename }) => world.uploads.add(CONTENTS[content]!, filename),
  "requests.matching": (world, given) => world.requests.matching(given),
  "requests.wait_for": (world, given) => world.requests.waitFor(given),
  "requests.clear": (world) => world.requests.clear(),
};
const OF_A_RECORD: Record<string, (record: any, given: Given) => unknown> = {
  "rule.used": (rule: Rule) => rule.used(),
  "rule.remove": (rule: Rule) => rule.remove(),
  "upload.read": async (file: Upload) => nameOf(await file.read()),
  "upload.expire": (file: Upload) => file.expire(),
  "task.complete": (task: Task) => task.complete(),
  "task.fail": (task: Task, { message }) => task.fail(message),
};

/** What a step can do, by the names in the table. */
export const DOES = { ...OF_A_WORLD, ...OF_A_RECORD };

function nameOf(content: Buffer): string | undefined {
  return Object.keys(CONTENTS).find((name) => CONTENTS[name]?.equals(content));
}

/** One scenario in a new world, and what its steps have given so far. */
export class Scenario {
  readonly #worlds = new Map<string, Apimart>();
  readonly #kept: Record<string, unknown> = {};

  constructor(world: Apimart) {
    this.#worlds.set("", world);
  }

  /** Take one step, and hold what it gives against the table. */
  async take(step: Step): Promise<void> {
    const world = this.#worlds.get(step.world ?? "")!;
    if (step.raises !== undefined) {
      await expect(this.#taken(world, step)).rejects.toThrow(step.raises);
      return;
    }
    const given = await this.#taken(world, step);
    if (given instanceof Apimart) this.#worlds.set(step.as ?? "", given);
    else if (step.as) this.#kept[step.as] = given;
    if (step.gives !== undefined) check(given, this.#filled(step.gives));
  }

  async #taken(world: Apimart, step: Step): Promise<unknown> {
    if (step.send !== undefined) return this.#sent(world, step);
    if (step.read !== undefined) return world[step.read].list();
    const target = step.on === undefined ? world : this.#filled(step.on);
    return DOES[step.do ?? ""]?.(target as never, this.#filled(step.with ?? {}) as Given);
  }

  async #sent(world: Apimart, step: Step): Promise<unknown> {
    const exchange = async (): Promise<unknown> => {
      const answer = await SENDS[step.send ?? ""]!(world, this.#filled(step) as Given);
      const text = await answer.text();
      const isJson = answer.headers.get("content-type")?.includes("json");
      return { status: answer.status, json: isJson ? JSON.parse(text) : null };
    };
    if (!step.breaks) return exchange();
    await expect(exchange()).rejects.toThrow();
    return undefined;
  }

  /** Return a value of the table with what its references name. */
  #filled(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((each) => this.#filled(each));
    if (typeof value === "string")
      return value.startsWith("$") ? found(this.#kept, value.slice(1)) : value;
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value as object);
    return Object.fromEntries(entries.map(([name, each]) => [name, this.#filled(each)]));
  }
}

/** Return what a path of names and numbers leads to, in this language's way of writing. */
function found(value: unknown, path: string): unknown {
  return path.split(".").reduce((each, name) => field(each, name), value);
}

function field(value: unknown, name: string): unknown {
  const fields = value as Record<string, unknown>;
  const camel = name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  return name in fields ? fields[name] : fields[camel];
}

/** Check that `given` has at least what is expected of it. */
function check(given: unknown, expected: unknown): void {
  if (Array.isArray(expected)) {
    expect(given).toHaveLength(expected.length);
    expected.forEach((each, index) => check((given as unknown[])[index], each));
  } else if (typeof expected === "object" && expected !== null) {
    for (const [name, each] of Object.entries(expected)) check(field(given, name), each);
  } else {
    expect(given).toBe(expected);
  }
}
