import type { Apimart } from "../apimart";
import { PATIENCE_MILLISECONDS, sharedUrl } from "../servers/shared";
import { CurrentWorld } from "./current";
import { dropWorld, endWorld, openWorld } from "./worlds";

/** As much of Playwright's TestInfo as is used. */
export interface PlaywrightInfo {
  titlePath: string[];
  status?: string | undefined;
  expectedStatus: string;
  errors: object[];
  setTimeout(milliseconds: number): void;
}

type Hook = (
  run: (fixtures: Record<never, never>, info: PlaywrightInfo) => Promise<void>,
) => unknown;

export interface PlaywrightHooks {
  beforeAll: Hook;
  beforeEach: Hook;
  afterEach: Hook;
}

const WHERE_SEVERAL = 'take `apimart` as a fixture, with `test` from "fake-apimart/playwright"';

/** Open a world for each test, by Playwright's hooks. */
export function usePlaywright({ beforeAll, beforeEach, afterEach }: PlaywrightHooks): Apimart {
  const current = new CurrentWorld(WHERE_SEVERAL);
  const open: Apimart[] = [];
  // Playwright wants the pattern of an object, to see which fixtures a hook asks for.
  beforeAll(async ({}, info) => {
    // No test's time is spent on the start of a server.
    info.setTimeout(PATIENCE_MILLISECONDS);
    await sharedUrl();
  });
  beforeEach(async ({}, info) => {
    const world = await openWorld(nameOf(info));
    open.push(world);
    current.add(world);
  });
  afterEach(async ({}, info) => {
    const world = open.pop();
    if (world) await ended(info, world).finally(() => current.remove(world));
  });
  return current.apimart;
}

/** Give a test its world while it runs. */
export async function withPlaywright(
  info: PlaywrightInfo,
  use: (world: Apimart) => Promise<void>,
): Promise<void> {
  const world = await openWorld(nameOf(info));
  await use(world);
  await ended(info, world);
}

async function ended(info: PlaywrightInfo, world: Apimart): Promise<void> {
  if (info.status === "skipped") await dropWorld(world);
  else await endWorld(world, info.errors);
}

function nameOf(info: PlaywrightInfo): string {
  return info.titlePath.join(" > ");
}
