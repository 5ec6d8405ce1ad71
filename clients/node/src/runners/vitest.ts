import type { Apimart } from "../apimart";
import { PATIENCE_MILLISECONDS, sharedUrl } from "../servers/shared";
import { CurrentWorld } from "./current";
import { dropWorld, endWorld, openWorld } from "./worlds";

/** As much of a task of vitest's as is used. */
export interface VitestTask {
  name: string;
  suite?: VitestSuite | undefined;
  file?: { name: string } | undefined;
  result?: { state?: string; errors?: object[] | undefined } | undefined;
}

interface VitestSuite {
  name: string;
  suite?: VitestSuite | undefined;
}

type Hook = (run: (context: { task: any }) => Promise<void>) => unknown;

export interface VitestHooks {
  beforeAll: (run: () => Promise<void>, timeout: number) => unknown;
  beforeEach: Hook;
  afterEach: Hook;
}

const WHERE_SEVERAL = 'take `apimart` as an argument, with `test` from "fake-apimart/vitest"';

/** Open a world for each test, by vitest's hooks. */
export function useVitest({ beforeAll, beforeEach, afterEach }: VitestHooks): Apimart {
  const current = new CurrentWorld(WHERE_SEVERAL);
  // No test's time is spent on the start of a server.
  beforeAll(async () => void (await sharedUrl()), PATIENCE_MILLISECONDS);
  const opened = new WeakMap<object, [Apimart, number]>();
  beforeEach(async ({ task }) => {
    const world = await openWorld(nameOf(task));
    opened.set(task, [world, errorsOf(task).length]);
    current.add(world);
  });
  afterEach(async ({ task }) => {
    const [world, before] = opened.get(task) ?? [];
    if (!world) return;
    opened.delete(task);
    await ended(task, world, before ?? 0).finally(() => current.remove(world));
  });
  return current.apimart;
}

/** Open a world for one test, which ends after it. */
export async function openedFor(
  task: VitestTask,
  onTestFinished: (run: () => Promise<void>) => void,
): Promise<Apimart> {
  const before = errorsOf(task).length;
  const world = await openWorld(nameOf(task));
  // Not behind `use`: vitest ends a fixture that fails a second time.
  onTestFinished(() => ended(task, world, before));
  return world;
}

/** End a world; errors of an earlier attempt came before it. */
async function ended(task: VitestTask, world: Apimart, before: number): Promise<void> {
  if (task.result?.state === "skip") await dropWorld(world);
  else await endWorld(world, errorsOf(task).slice(before));
}

function errorsOf(task: VitestTask): object[] {
  return task.result?.errors ?? [];
}

function nameOf(task: VitestTask): string {
  const names = [task.name];
  for (let suite = task.suite; suite; suite = suite.suite) names.unshift(suite.name);
  if (task.file && names[0] !== task.file.name) names.unshift(task.file.name);
  return names.filter(Boolean).join(" > ");
}
