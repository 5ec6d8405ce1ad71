import { inspect } from "node:util";

import type { Control } from "../control";
import type { Schemas } from "../names";

type Fields = Schemas["RuleAnswer"];

/** What is not told of a rule: what `fail` asks for if the test does not say otherwise. */
const DEFAULTS: Partial<Fields> = { times: 1, after: 0, every: 1 };
const HIDDEN = ["id", "used", "operation"];

/** Where a test has written something: a stack, which is made when it is read. */
export interface Written {
  stack?: string;
}

/** A rule that makes requests fail. */
export class Rule {
  readonly id: number;
  readonly operation: string;
  /** Whether a test may pass although no request has met the rule. */
  readonly optional: boolean;
  readonly #control: Control;
  #fields: Fields;
  readonly #written: Written;
  #wasRemoved = false;

  constructor(control: Control, fields: Fields, optional: boolean, written: Written) {
    this.#control = control;
    this.#written = written;
    this.#fields = fields;
    this.id = fields.id;
    this.operation = fields.operation;
    this.optional = optional;
  }

  /** How many requests have met the rule. Rejects with ApimartError. */
  async used(): Promise<number> {
    const { faults } = await this.#control.call<Schemas["RulesAnswer"]>("GET", "faults");
    this.#fields = faults.find(({ id }) => id === this.id) ?? this.#fields;
    return this.#fields.used;
  }

  /** Remove the rule; it need not be met any more. Rejects with ApimartError. */
  async remove(): Promise<void> {
    // Read the count while the server still has it: `used` gives it after the removal.
    await this.used();
    await this.#control.call("DELETE", `faults?id=${this.id}`);
    this.#wasRemoved = true;
  }

  /** Whether a test fails that ends now: no request has met the rule, and one has to. */
  async isMissed(): Promise<boolean> {
    return !this.optional && !this.#wasRemoved && (await this.used()) === 0;
  }

  /** Let an error come from the line of the test that added the rule. */
  blame(error: Error): Error {
    const frames = this.#written.stack?.split("\n").slice(1) ?? [];
    if (frames.length) error.stack = [`${error.name}: ${error.message}`, ...frames].join("\n");
    return error;
  }

  toString(): string {
    const told = Object.entries(this.#fields)
      .filter(([name, value]) => !HIDDEN.includes(name) && value !== DEFAULTS[name as keyof Fields])
      .map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
    return `<Rule ${this.operation}${told.join("")}>`;
  }

  [inspect.custom](): string {
    return this.toString();
  }
}
