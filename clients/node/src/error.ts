/** Errors of this package: their stacks begin where a test called it. */

/** The server refused a call or cannot be reached, or a test did not do what its rules ask for. */
export class ApimartError extends Error {
  override name = "ApimartError";

  constructor(message: string) {
    super(message);
    withoutOurs(this);
  }
}

/** Return the error of an argument of the wrong type. */
export function typeError(message: string): TypeError {
  return withoutOurs(new TypeError(message));
}

/** Return the error of an argument that is of the right type, and cannot be. */
export function rangeError(message: string): RangeError {
  return withoutOurs(new RangeError(message));
}

/** Take the frames of this package out of a stack: where it was noticed helps nobody. */
function withoutOurs<Kind extends Error>(error: Kind): Kind {
  const lines = error.stack?.split("\n") ?? [];
  error.stack = lines.filter((line) => !line.includes(__dirname)).join("\n");
  return error;
}
