/** What a world is called, in the server's log and in reports: the name of a test, if possible. */
import { checkText } from "../arguments";
import { rangeError } from "../error";

const MAX_CHARACTERS = 200;
/** How much of the beginning of a longer name is kept; the rest is of its end. */
const HEAD_CHARACTERS = 80;
const CUT = "…";
/** What the server takes as printing: no controls, no odd spaces, nothing unassigned. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;

/** Throw TypeError unless `label` is a string, RangeError where the server would refuse it. */
export function checkLabel(label: unknown): asserts label is string {
  checkText("label", label);
  if (UNPRINTABLE.test(label)) throw rangeError("label has characters that do not print");
  if ([...label].length > MAX_CHARACTERS) {
    throw rangeError(`label has more than ${MAX_CHARACTERS} characters`);
  }
}

/** Return a name of any kind as a label: what does not print as `?`, the middle cut out. */
export function labelOf(name: string, room = MAX_CHARACTERS): string {
  const characters = Array.from(name, (each) => (UNPRINTABLE.test(each) ? "?" : each));
  if (characters.length <= room) return characters.join("");
  const tail = room - HEAD_CHARACTERS - CUT.length;
  return characters.slice(0, HEAD_CHARACTERS).join("") + CUT + characters.slice(-tail).join("");
}

/** Return the label of a further world of the same test; without a label there is none. */
export function numbered(label: string, number: number): string {
  const suffix = ` (${number})`;
  return label && labelOf(label, MAX_CHARACTERS - suffix.length) + suffix;
}
