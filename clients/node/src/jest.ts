/** For jest: `useApimart()`. */
import type { Apimart } from "./apimart";
import { useJest } from "./runners/jest";

/** Open a world for each test of this file, and return what stands for that of the test. */
export function useApimart(): Apimart {
  return useJest();
}
