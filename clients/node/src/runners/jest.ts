import type { Apimart } from "../apimart";
import { ApimartError } from "../error";
import { PATIENCE_MILLISECONDS, sharedUrl } from "../servers/shared";
import { CurrentWorld } from "./current";
import { endWorld, openWorld } from "./worlds";

interface Globals {
  beforeAll?: (run: () => Promise<void>, timeout: number) => void;
  beforeEach?: (run: () => Promise<void>) => void;
  afterEach?: (run: () => Promise<void>) => void;
  expect?: { getState(): { currentTestName?: string } };
}

/** As much of the state of jest-circus as is used: the one place where a failure is to be seen. */
interface CircusState {
  currentlyRunningTest?: { errors: unknown[] } | null;
}

const WHERE_SEVERAL = "jest runs no such tests apart; open a world in each by startApimart()";

/** Open a world for each test, by jest's global hooks. */
export function useJest(): Apimart {
  const { beforeAll, beforeEach, afterEach, expect } = globalThis as Globals;
  if (!beforeAll || !beforeEach || !afterEach) {
    throw new ApimartError("jest's hooks are no globals here: leave injectGlobals on");
  }
  const current = new CurrentWorld(WHERE_SEVERAL);
  const open: Apimart[] = [];
  // No test's time is spent on the start of a server.
  beforeAll(async () => void (await sharedUrl()), PATIENCE_MILLISECONDS);
  beforeEach(async () => {
    const world = await openWorld(expect?.getState().currentTestName ?? "");
    open.push(world);
    current.add(world);
  });
  afterEach(async () => {
    const world = open.pop();
    if (world) await endWorld(world, failures()).finally(() => current.remove(world));
  });
  return current.apimart;
}

function failures(): unknown[] {
  const errors = circusState()?.currentlyRunningTest?.errors ?? [];
  return errors.map((each) => (Array.isArray(each) ? (each[0] ?? each[1]) : each));
}

/** Return the state of the runner; its symbol is not a public one. */
function circusState(): CircusState | undefined {
  const symbols = Object.getOwnPropertySymbols(globalThis);
  const symbol = symbols.find((each) => each.description === "JEST_STATE_SYMBOL");
  return symbol && (globalThis as unknown as Record<symbol, CircusState>)[symbol];
}
