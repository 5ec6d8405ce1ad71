/** `useApimart` for whatever runner runs this file. */
import { createRequire } from "node:module";
import { join } from "node:path";

import type { Apimart } from "./apimart";
import { useJest } from "./runners/jest";
import { useNode } from "./runners/node";
import { usePlaywright, type PlaywrightHooks } from "./runners/playwright";
import { useVitest, type VitestHooks } from "./runners/vitest";

/**
 * Open a world for each test of this file, and return what stands for that of the test.
 *
 * It uses the hooks of vitest, jest or Playwright where one of them runs, or else those of
 * node:test. `fake-apimart/vitest`, `/jest`, `/playwright` and `/node` name the runner.
 */
export function useApimart(): Apimart {
  const vitest = (globalThis as { __vitest_index__?: VitestHooks }).__vitest_index__;
  if (vitest) return useVitest(vitest);
  if (process.env["JEST_WORKER_ID"] !== undefined) return useJest();
  const playwright = loadedPlaywright();
  return playwright ? usePlaywright(playwright) : useNode();
}

/** Return Playwright's `test` where its runner has loaded this file: it lists tests first. */
function loadedPlaywright(): PlaywrightHooks | undefined {
  const isWorker = process.env["TEST_WORKER_INDEX"] !== undefined;
  if (!isWorker && !process.argv.some((word) => /playwright/.test(word))) return undefined;
  try {
    const required = createRequire(join(process.cwd(), "package.json"))("@playwright/test");
    return (required as { test: PlaywrightHooks }).test;
  } catch {
    return undefined;
  }
}
