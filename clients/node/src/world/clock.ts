/** `apimart.clock`: the clock of a world. */
import { checkNumber, secondsOf, type Duration } from "../arguments";
import type { Control } from "../control";
import type { Schemas } from "../names";

/**
 * The clock behind `created_at`, the progress of tasks, expiry, rate limits and idempotency.
 *
 * All methods give the new time in Unix seconds. They reject with ApimartError.
 */
export class Clock {
  readonly #control: Control;

  constructor(control: Control) {
    this.#control = control;
  }

  /** The current time in Unix seconds. */
  async now(): Promise<number> {
    return (await this.#control.call<Schemas["ClockAnswer"]>("GET", "clock")).now;
  }

  /** Move the clock ahead, as by `{ hours: 73 }`. Rejects with TypeError and RangeError too. */
  async advance(duration: Duration): Promise<number> {
    return this.#change({ advance: secondsOf("clock.advance", duration) });
  }

  /** Set the clock to an instant: Unix seconds, or a Date. Rejects with TypeError too. */
  async at(instant: number | Date): Promise<number> {
    // Not by instanceof, which is false for a Date of jest's.
    const time = typeof instant === "object" ? instant?.getTime?.() / 1000 : instant;
    checkNumber("instant", time);
    return this.#change({ at: time });
  }

  /** Stop the clock. */
  async freeze(): Promise<number> {
    return this.#change({ freeze: true });
  }

  /** Let the clock run again. */
  async resume(): Promise<number> {
    return this.#change({ freeze: false });
  }

  /** Set the clock back to the server's time. */
  async reset(): Promise<number> {
    return this.#change({ reset: true });
  }

  async #change(change: Schemas["ClockChange"]): Promise<number> {
    return (await this.#control.call<Schemas["ClockAnswer"]>("POST", "clock", change)).now;
  }
}
