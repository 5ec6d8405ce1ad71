/** `apimart.tasks`: the generation tasks of a world. */
import type { Control } from "../control";
import type { Schemas } from "../names";
import { Task } from "./task";

export class Tasks {
  readonly #control: Control;

  constructor(control: Control) {
    this.#control = control;
  }

  /** The tasks, oldest first. Rejects with ApimartError. */
  async list(): Promise<Task[]> {
    const found = await this.#control.call<Schemas["TasksAnswer"]>("GET", "tasks");
    return found.tasks.map((fields) => new Task(this.#control, fields));
  }
}
