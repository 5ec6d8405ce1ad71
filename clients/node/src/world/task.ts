import { checkText } from "../arguments";
import type { Control } from "../control";
import type { Schemas } from "../names";

/** A generation task in the state it had when listed, which does not count as a poll. */
export class Task {
  readonly id: string;
  status!: string;
  progress!: number;
  readonly model: string;
  readonly prompt: string;
  /** Width and height of its pictures, in pixels. */
  readonly size: [number, number];
  /** How many pictures it makes. */
  readonly images: number;
  /** The names of the uploads that it refers to, the last segments of their URLs. */
  readonly references: string[];
  failure!: string | null;
  cost!: number;
  /** Unix seconds by the world's clock. */
  readonly created: number;
  readonly #control: Control;

  constructor(control: Control, fields: Schemas["TaskAnswer"]) {
    this.#control = control;
    this.id = fields.id;
    this.model = fields.model;
    this.prompt = fields.prompt;
    this.size = [fields.width, fields.height];
    this.images = fields.images;
    this.references = fields.references;
    this.created = fields.created;
    this.#read(fields);
  }

  /**
   * Let it complete now, whatever was planned, with its pictures, its cost and its callback.
   *
   * Rejects with ApimartError where it has ended already.
   */
  async complete(): Promise<void> {
    this.#read(await this.#control.call("POST", `tasks/${this.id}/complete`));
  }

  /** Let it fail now, with its callback; it costs nothing. Rejects as `complete`. */
  async fail(message = "task failed on purpose"): Promise<void> {
    checkText("message", message);
    this.#read(await this.#control.call("POST", `tasks/${this.id}/fail`, { message }));
  }

  #read(fields: Schemas["TaskAnswer"]): void {
    this.status = fields.status;
    this.progress = fields.progress;
    this.failure = fields.failure;
    this.cost = fields.cost;
  }
}
