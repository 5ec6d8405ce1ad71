/** The world of the test that runs, which `useApimart` gives before any test does. */
import { Apimart } from "../apimart";
import { ApimartError } from "../error";

const OUTSIDE = "no test runs: use what useApimart() gives inside of a test or of a beforeEach";

/** The worlds of the tests that run now, and an object that stands for the one there is. */
export class CurrentWorld {
  /** Has what the world of the test that runs has. */
  readonly apimart: Apimart;
  readonly #open = new Set<Apimart>();
  readonly #whereSeveral: string;

  /** `whereSeveral` says what to use where tests run at the same time. */
  constructor(whereSeveral: string) {
    this.#whereSeveral = whereSeveral;
    this.apimart = this.#standIn();
  }

  add(world: Apimart): void {
    this.#open.add(world);
  }

  remove(world: Apimart): void {
    this.#open.delete(world);
  }

  #world(): Apimart {
    const [world, another] = this.#open;
    if (!world) throw new ApimartError(OUTSIDE);
    if (another) {
      throw new ApimartError(`tests run at the same time in this file: ${this.#whereSeveral}`);
    }
    return world;
  }

  #standIn(): Apimart {
    const read = (_: object, name: string | symbol): unknown => {
      const world = this.#world();
      const value: unknown = Reflect.get(world, name, world);
      return typeof value === "function" ? value.bind(world) : value;
    };
    return new Proxy<Apimart>(Object.create(Apimart.prototype), { get: read });
  }
}
