/** For node:test: `useApimart()`, and `apimartOf(t)`, also for tests that run at the same time. */
import type { Apimart } from "./apimart";
import { useNode } from "./runners/node";

export { apimartOf } from "./runners/node";

/** Open a world for each test of this file, and return what stands for that of the test. */
export function useApimart(): Apimart {
  return useNode();
}
