/** Whether a server is new enough, asked once of each. */
import { Control, shownUrl } from "../control";
import { ApimartError } from "../error";
import type { Schemas } from "../names";
import { OLDEST_SERVER } from "../version";

const asked = new Map<string, Promise<void>>();

/** Reject with ApimartError where the server at `url` is too old, or does not answer. */
export function checkVersion(url: string): Promise<void> {
  let answer = asked.get(url);
  if (!answer) {
    answer = check(url);
    asked.set(url, answer);
    // It may be there later.
    answer.catch(() => asked.delete(url));
  }
  return answer;
}

async function check(url: string): Promise<void> {
  const { version } = await new Control(url).call<Schemas["Health"]>("GET", "health");
  if (typeof version !== "string") {
    throw new ApimartError(`${shownUrl(url)} is no fake-apimart: its health has no version`);
  }
  if (isOlder(version, OLDEST_SERVER)) {
    throw new ApimartError(
      `fake-apimart at ${shownUrl(url)} is version ${version}: ` +
        `this package needs ${OLDEST_SERVER} or newer`,
    );
  }
}

/** Return whether one version comes before another; `0.2.0rc1` counts as `0.2.0`. */
export function isOlder(version: string, other: string): boolean {
  const [ours, theirs] = [numbers(version), numbers(other)];
  for (let index = 0; index < theirs.length; index++) {
    const difference = (ours[index] ?? 0) - (theirs[index] ?? 0);
    if (difference) return difference < 0;
  }
  return false;
}

function numbers(version: string): number[] {
  return version.split(".").map((each) => parseInt(each, 10) || 0);
}
