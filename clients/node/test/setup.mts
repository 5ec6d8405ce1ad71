/** Before all tests: this checkout's server. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

const HERE = import.meta.dirname;
const OURS = join(HERE, "..", "..", "..", ".venv", "bin", "fake-apimart");

/** Where the package is, as npm would publish it: `npm run pack`. */
export const PACKED = join(HERE, "packed");

/** Return the file of it, beside which tests have folders of their own. */
export function archive(): string {
  const name = readdirSync(PACKED).find((each) => each.endsWith(".tgz"));
  return join(PACKED, name!);
}

export function setup(): void {
  if (existsSync(OURS)) process.env["FAKE_APIMART_COMMAND"] ??= `"${OURS}"`;
}
