/** The worlds of tests: one is opened before each test, and ends after it. */
import { Apimart } from "../apimart";
import { ApimartError } from "../error";
import { sharedUrl } from "../servers/shared";
import { labelOf } from "../world/label";
import { addTo } from "./failure";

const HEADING = "fake-apimart requests:";

/** Open the world of a test of this name, on the server of the run. Rejects with ApimartError. */
export async function openWorld(name: string): Promise<Apimart> {
  const [url, label] = [await sharedUrl(), labelOf(name)];
  try {
    return await Apimart.open(url, label);
  } catch (error) {
    // A server with an older Unicode has letters that do not print.
    if (!(error instanceof ApimartError && error.message.startsWith("label: "))) throw error;
    return Apimart.open(url, label.replace(/[^ -~]/gu, "?"));
  }
}

/**
 * End the world of a test, with what it has failed by.
 *
 * These failures get the journal. Without any it rejects if a rule was not met.
 */
export async function endWorld(world: Apimart, failures: readonly unknown[]): Promise<void> {
  try {
    if (failures.length) await tell(world, failures);
    else await checkRules(world);
  } finally {
    await closed(world, failures.length > 0);
  }
}

/** End the world of a test that was skipped: nobody had to meet its rules. */
export async function dropWorld(world: Apimart): Promise<void> {
  await closed(world, true);
}

async function tell(world: Apimart, failures: readonly unknown[]): Promise<void> {
  const text = `${HEADING}\n${await world.describedRequests()}`;
  for (const failure of failures) addTo(failure, text);
}

async function checkRules(world: Apimart): Promise<void> {
  try {
    await world.checkRules();
  } catch (error) {
    await tell(world, [error]);
    throw error;
  }
}

async function closed(world: Apimart, hasFailed: boolean): Promise<void> {
  try {
    await world.close();
  } catch (error) {
    // Where the server has gone, the test has said so by what it failed by.
    if (!hasFailed || !(error instanceof ApimartError)) throw error;
  }
}
