/** The failure of a test, as its runner has it, and what is added to its message. */

export interface Failure {
  message?: string | undefined;
  stack?: string | undefined;
  /** How node:test and others wrap what was thrown. */
  cause?: unknown;
}

/** Add a text to the message of a failure, and to its stack, which some runners show instead. */
export function addTo(failure: unknown, text: string): void {
  const error = thrown(failure);
  if (!error) return;
  const message = error.message ?? "";
  const longer = `${message}\n\n${text}\n`;
  const { stack } = error;
  write(error, "message", longer);
  if (typeof stack !== "string") return;
  const at = message ? stack.indexOf(message) : -1;
  const end = at + message.length;
  const told = at < 0 ? `${text}\n${stack}` : `${stack.slice(0, at)}${longer}${stack.slice(end)}`;
  write(error, "stack", told);
}

/** Return what a test has thrown, below what its runner has put around it. */
function thrown(failure: unknown): Failure | undefined {
  if (typeof failure !== "object" || failure === null) return undefined;
  const { code, cause } = failure as Failure & { code?: string };
  return code === "ERR_TEST_FAILURE" && typeof cause === "object" && cause ? cause : failure;
}

function write(error: Failure, name: "message" | "stack", value: string): void {
  try {
    error[name] = value;
  } catch {
    // It is frozen.
  }
}
