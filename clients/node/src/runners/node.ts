import * as runner from "node:test";

import type { Apimart } from "../apimart";
import { CurrentWorld } from "./current";
import { endWorld, openWorld } from "./worlds";

/** As much of a test's context as is used; some of it is younger than Node 20. */
export interface NodeTestContext {
  name: string;
  fullName?: string;
  /** What the test has failed by. */
  error?: unknown;
  after(run: () => Promise<void>): void;
}

const WHERE_SEVERAL = 'take `await apimartOf(t)` from "fake-apimart/node" in each test';

/** Open a world for each test, by the hooks of node:test. */
export function useNode(): Apimart {
  const current = new CurrentWorld(WHERE_SEVERAL);
  const open = new Map<string, Apimart[]>();
  runner.beforeEach(async (context) => {
    const test = context as unknown as NodeTestContext;
    const world = await openWorld(nameOf(test));
    open.set(nameOf(test), [...(open.get(nameOf(test)) ?? []), world]);
    current.add(world, nameOf(test));
  });
  runner.afterEach(async (context) => {
    const test = context as unknown as NodeTestContext;
    const world = open.get(nameOf(test))?.pop();
    if (world) await endWorld(world, failures(test)).finally(() => current.remove(world));
  });
  return current.apimart;
}

/** Open a world for one test, which ends after it: also for tests that run at the same time. */
export async function apimartOf(test: NodeTestContext): Promise<Apimart> {
  const world = await openWorld(nameOf(test));
  test.after(() => endWorld(world, failures(test)));
  return world;
}

function failures({ error }: NodeTestContext): unknown[] {
  return error ? [error] : [];
}

function nameOf(test: NodeTestContext): string {
  return test.fullName ?? test.name;
}
