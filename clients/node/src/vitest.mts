/** For vitest: `useApimart()`, and `test` with the fixture `apimart`, also for `test.concurrent`. */
import { afterEach, beforeEach, test as base } from "vitest";

import type { Apimart } from "./apimart.js";
import { useVitest, openedFor, type VitestTask } from "./runners/vitest.js";

/** Open a world for each test of this file, and return what stands for that of the test. */
export function useApimart(): Apimart {
  return useVitest({ beforeEach, afterEach });
}

/** vitest's `test`, whose tests can ask for `apimart`: a world of their own. */
export const test = base.extend<{ apimart: Apimart }>({
  apimart: async ({ task, onTestFinished }, use) => {
    await use(await openedFor(task as VitestTask, onTestFinished));
  },
});

export const it: typeof test = test;
