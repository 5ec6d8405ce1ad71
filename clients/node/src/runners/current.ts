/** The world of the test that runs, which `useApimart` gives before any test does. */
import { inspect } from "node:util";

import { Apimart } from "../apimart";
import { ApimartError } from "../error";

const OUTSIDE = "no test runs: use what useApimart() gives inside of a test or of a beforeEach";
/** What shows an object to people, also outside of tests. */
const SHOWN: (string | symbol)[] = [inspect.custom, "toString"];

/** The worlds of the tests that run now, and an object that stands for the one there is. */
export class CurrentWorld {
  /** Has what the world of the test that runs has. */
  readonly apimart: Apimart;
  /** With the names of their tests. */
  readonly #open = new Map<Apimart, string>();
  readonly #whereSeveral: string;

  /** `whereSeveral` says what to use where tests run at the same time. */
  constructor(whereSeveral: string) {
    this.#whereSeveral = whereSeveral;
    this.apimart = this.#standIn();
  }

  add(world: Apimart, test = world.label): void {
    this.#open.set(world, test);
  }

  remove(world: Apimart): void {
    this.#open.delete(world);
  }

  #world(): Apimart {
    const [[world, test] = [undefined, ""], ...others] = [...this.#open].reverse();
    if (!world) throw new ApimartError(OUTSIDE);
    // A test of node:test may run within another one.
    if (others.every(([, outer]) => test.startsWith(`${outer} > `))) return world;
    throw new ApimartError(`tests run at the same time in this file: ${this.#whereSeveral}`);
  }

  #standIn(): Apimart {
    const read = (_: object, name: string | symbol): unknown => {
      if (!this.#open.size && SHOWN.includes(name)) return () => "<Apimart, no test runs>";
      const world = this.#world();
      const value: unknown = Reflect.get(world, name, world);
      return typeof value === "function" ? value.bind(world) : value;
    };
    return new Proxy<Apimart>(Object.create(Apimart.prototype), { get: read });
  }
}
