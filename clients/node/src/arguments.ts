/** Checks of arguments, whose errors name the argument: a test in JavaScript has no types. */
import { inspect } from "node:util";

import { rangeError, typeError } from "./error";

export interface Duration {
  days?: number;
  hours?: number;
  minutes?: number;
  seconds?: number;
}

const SECONDS: Record<keyof Duration, number> = {
  days: 86_400,
  hours: 3600,
  minutes: 60,
  seconds: 1,
};

/** Throw TypeError unless `value` is a string, RangeError where it has half a surrogate pair. */
export function checkText(name: string, value: unknown): asserts value is string {
  if (typeof value !== "string") throw wrongType(name, "a string", value);
  if (/\p{Surrogate}/u.test(value)) throw rangeError(`${name} has half a surrogate pair`);
}

/** Throw TypeError unless `value` is a number, RangeError unless it is a finite one. */
export function checkNumber(name: string, value: unknown): asserts value is number {
  if (typeof value !== "number") throw wrongType(name, "a number", value);
  if (!Number.isFinite(value)) throw rangeError(`${name} must be finite, not ${value}`);
}

/** Throw TypeError unless `value` is a number, RangeError unless it is a whole one. */
export function checkInteger(name: string, value: unknown): asserts value is number {
  checkNumber(name, value);
  if (!Number.isSafeInteger(value)) throw rangeError(`${name} must be whole, not ${value}`);
}

export function checkFlag(name: string, value: unknown): asserts value is boolean {
  if (typeof value !== "boolean") throw wrongType(name, "a boolean", value);
}

/** Throw TypeError unless `value` is an object of JSON: no array, no Map, no class of one's own. */
export function checkObject(name: string, value: unknown): void {
  const kind = Object.prototype.toString.call(value);
  if (kind !== "[object Object]") throw wrongType(name, "an object", value);
  checkJson(name, value);
}

export function checkHeaders(name: string, value: unknown): void {
  checkObject(name, value);
  for (const [key, text] of Object.entries(value as object)) checkText(`${name}[${key}]`, text);
}

/** Throw TypeError unless `value` can be written as JSON. */
export function checkJson(name: string, value: unknown): void {
  let written: string | undefined;
  try {
    written = JSON.stringify(value);
  } catch (error) {
    throw typeError(`${name} is no JSON: ${(error as Error).message.split("\n")[0]}`);
  }
  if (written === undefined) throw wrongType(name, "JSON", value);
}

/** Throw TypeError where an object has an option that is none of `known`. */
export function checkOptions(what: string, options: unknown, known: readonly string[]): void {
  const kind = Object.prototype.toString.call(options);
  if (kind !== "[object Object]") throw wrongType(`the options of ${what}`, "an object", options);
  for (const name of Object.keys(options as object)) {
    if (!known.includes(name)) {
      throw typeError(`${what} has no option ${name}; it has ${known.join(", ")}`);
    }
  }
}

/** Return a duration in seconds. Throws TypeError and RangeError, which name the unit. */
export function secondsOf(what: string, duration: Duration): number {
  checkOptions(what, duration, Object.keys(SECONDS));
  return Object.entries(duration).reduce((total, [unit, value]) => {
    if (value === undefined) return total;
    checkNumber(unit, value);
    return total + value * SECONDS[unit as keyof Duration];
  }, 0);
}

export function wrongType(name: string, wanted: string, value: unknown): TypeError {
  const shown = inspect(value, { breakLength: Infinity, depth: 1 }).slice(0, 100);
  return typeError(`${name} must be ${wanted}, not ${shown}`);
}
