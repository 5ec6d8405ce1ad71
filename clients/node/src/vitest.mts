/** For vitest: `useApimart()`, and `test` with the fixture `apimart`, for concurrent tests too. */
import { afterEach, beforeAll, beforeEach, test as base } from "vitest";

import type { Apimart } from "./apimart.js";
import { sharedUrl } from "./servers/shared.js";
import { useVitest, openedFor, type VitestTask } from "./runners/vitest.js";

// The time of a fixture is that of its test, which has none for the start of a server. Where there
// is no server, each test says so.
await sharedUrl().catch(() => undefined);

/** Open a world for each test of this file, and return what stands for that of the test. */
export function useApimart(): Apimart {
  return useVitest({ beforeAll, beforeEach, afterEach });
}

/** vitest's `test`, whose tests can ask for `apimart`: a world of their own. */
export const test = base.extend<{ apimart: Apimart }>({
  apimart: async ({ task, onTestFinished }, use) => {
    await use(await openedFor(task as VitestTask, onTestFinished));
  },
});

export const it: typeof test = test;
