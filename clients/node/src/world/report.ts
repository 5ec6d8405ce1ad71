/**
 * What is told of worlds when a test has failed.
 *
 * Whatever is shown was sent by somebody: it is cut, and on one line.
 */
import type { Apimart } from "../apimart";
import { ApimartError } from "../error";
import type { Request } from "./request";
import type { Rule } from "./rule";

const MAX_REQUESTS = 30;
const MAX_WORLDS = 10;
const MAX_RULES = 10;
/** The longest line, in characters. */
const WIDTH = 200;
/** From how long on it is said how long an answer took. */
const SLOW_SECONDS = 0.1;
const FIRST_ERROR = 400;
const INDENT = "    ";
const CUT = "…";

/** Return what a world is called: its label, or the beginning of its key, at most half. */
export function titleOf(world: Apimart): string {
  if (world.label) return lineOf(JSON.stringify(world.label));
  const { apiKey } = world;
  return `key ${lineOf(apiKey.slice(0, Math.min(12, Math.floor(apiKey.length / 2))))}${CUT}`;
}

/** Return what has happened in worlds, each in a block of lines. */
export async function described(worlds: readonly Apimart[]): Promise<string> {
  const blocks = await Promise.all(worlds.slice(0, MAX_WORLDS).map(block));
  const left = worlds.length - MAX_WORLDS;
  return [...blocks, ...(left > 0 ? [`${CUT} and ${left} worlds more`] : [])].join("\n");
}

async function block(world: Apimart): Promise<string> {
  try {
    const sent = await world.requests.list();
    return [...sentLines(world, sent), ...ruleLines(await world.missedRules())].join("\n");
  } catch (error) {
    if (!(error instanceof ApimartError)) throw error;
    return lineOf(`${titleOf(world)}: unknown: ${error.message}`);
  }
}

function sentLines(world: Apimart, sent: Request[]): string[] {
  const count = sent.length === 1 ? "1 request" : `${sent.length} requests`;
  const lines = [lineOf(`${titleOf(world)}: ${count}`)];
  const earlier = sent.length - MAX_REQUESTS;
  if (earlier > 0) lines.push(`${INDENT}${CUT} ${earlier} earlier ones`);
  let day = "";
  for (const each of sent.slice(-MAX_REQUESTS)) {
    const [date = "", time = ""] = new Date(each.time * 1000).toISOString().split(/[TZ]/);
    if (date !== day) lines.push(`${INDENT}${date} UTC, by the clock of the world`);
    day = date;
    lines.push(...requestLines(each, time).map(lineOf));
  }
  return lines;
}

function requestLines(request: Request, time: string): string[] {
  const isRefused = request.status === null || request.status >= FIRST_ERROR;
  const slow = request.duration >= SLOW_SECONDS ? ` after ${request.duration.toFixed(3)} s` : "";
  const lines = [`${isRefused ? "!" : " "}   ${time} ${request}${slow}`];
  if (request.filename !== null) {
    const type = request.contentType ?? "of an unknown type";
    lines.push(`file ${JSON.stringify(request.filename)}, ${type}, ${request.size ?? 0} bytes`);
  }
  if (request.json !== null) {
    const { json } = request;
    lines.push(`json ${typeof json === "string" ? json : JSON.stringify(json)}`);
  }
  if (request.unreadFields.length) lines.push(`nothing reads ${request.unreadFields.join(", ")}`);
  return lines.map((line, index) => (index ? INDENT.repeat(4) + line : line));
}

function ruleLines(missed: Rule[]): string[] {
  const lines = missed.slice(0, MAX_RULES).map((rule) => lineOf(`never met: ${rule}`));
  const left = missed.length - MAX_RULES;
  return left > 0 ? [...lines, `${CUT} and ${left} rules more`] : lines;
}

/** Return a text as one line of at most WIDTH characters, with escapes for what does not print. */
function lineOf(text: string): string {
  const shown = Array.from(text.slice(0, 2 * WIDTH))
    .map((each) =>
      /[\p{C}\p{Zl}\p{Zp}]/u.test(each) ? `\\u{${each.codePointAt(0)?.toString(16)}}` : each,
    )
    .join("");
  const characters = Array.from(shown);
  return characters.length <= WIDTH ? shown : characters.slice(0, WIDTH - 1).join("") + CUT;
}
