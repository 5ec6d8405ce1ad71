import { ApimartError } from "../error";

/** One piece of a word: what is quoted, what is escaped, or what is plain. */
const PIECE = /'([^']*)'|"((?:[^"\\]|\\[^])*)"|\\([^])|([^\s'"\\]+)/y;
/** Windows takes a backslash as it is. */
const PIECE_OF_WINDOWS = /"([^"]*)"|([^\s"]+)/y;

/** Split a command into words as a shell would. Throws ApimartError where it cannot. */
export function splitCommand(command: string, onWindows = process.platform === "win32"): string[] {
  const piece = new RegExp(onWindows ? PIECE_OF_WINDOWS : PIECE);
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < command.length; at = piece.lastIndex) {
    piece.lastIndex = at;
    const found = piece.exec(command);
    if (found) {
      word = (word ?? "") + contentOf(found, onWindows);
    } else if (/\s/.test(command.charAt(at))) {
      if (word !== undefined) words.push(word);
      word = undefined;
      piece.lastIndex = at + 1;
    } else {
      throw new ApimartError(`FAKE_APIMART_COMMAND=${command}: no closing quotation`);
    }
  }
  if (word !== undefined) words.push(word);
  if (!words[0]) throw new ApimartError(`FAKE_APIMART_COMMAND=${command}: it names no program`);
  return words;
}

function contentOf(found: RegExpExecArray, onWindows: boolean): string {
  const [, single, double, escaped, plain] = found;
  if (onWindows) return single ?? double ?? "";
  return single ?? double?.replace(/\\(["\\$`])/g, "$1") ?? escaped ?? plain ?? "";
}
