/** For Playwright: `test` with the fixture `apimart`, and `useApimart()`. */
import { test as base } from "@playwright/test";

import type { Apimart } from "./apimart";
import { PATIENCE_MILLISECONDS, sharedUrl } from "./servers/shared";
import { usePlaywright, withPlaywright, type PlaywrightHooks } from "./runners/playwright";

export { expect } from "@playwright/test";

/** Playwright's `test`, whose tests can ask for `apimart`: a world of their own. */
export const test = base.extend<{ apimart: Apimart }, { apimartServer: string }>({
  apimartServer: [
    // Playwright wants the pattern of an object, to see which fixtures another one asks for.
    async ({}, use) => use(await sharedUrl()),
    { scope: "worker", timeout: PATIENCE_MILLISECONDS },
  ],
  apimart: async ({ apimartServer: _ }, use, info) => {
    await withPlaywright(info, use);
  },
});

/** Open a world for each test of this file, and return what stands for that of the test. */
export function useApimart(): Apimart {
  return usePlaywright(base as unknown as PlaywrightHooks);
}
