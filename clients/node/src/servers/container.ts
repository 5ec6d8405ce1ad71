/** A server in a container, by the package `testcontainers` where the project has it. */
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { ApimartError } from "../error";
import { VERSION } from "../version";
import type { RunningServer } from "./started";

const IMAGE_VARIABLE = "FAKE_APIMART_IMAGE";
const REPOSITORY = "ghcr.io/fake-apimart/fake-apimart";
const PORT = 8080;

/** Return whether the project of this folder, or this package, can load testcontainers. */
export function hasTestcontainers(): boolean {
  return pathOfTestcontainers() !== undefined;
}

/** Start a container; testcontainers' reaper removes it at the end. Rejects with ApimartError. */
export async function startContainer(): Promise<RunningServer> {
  const image = process.env[IMAGE_VARIABLE]?.trim() || imageOf(VERSION);
  try {
    const { GenericContainer, Wait } = await loaded();
    const container = await new GenericContainer(image)
      .withExposedPorts(PORT)
      .withEnvironment({ FAKE_APIMART_CONTROL: "true" })
      .withWaitStrategy(Wait.forHttp("/_fake/ready", PORT))
      .start();
    const url = `http://${container.getHost()}:${container.getMappedPort(PORT)}`;
    return { url, stop: async () => void (await container.stop()), unref: () => undefined };
  } catch (error) {
    const reason = (error as Error).message.split("\n")[0];
    throw new ApimartError(`the container of ${image} did not start: ${reason}`);
  }
}

/** Return the image of a version, whose tag is spelled as Python does: `0.2.0-rc.1` is `0.2.0rc1`. */
export function imageOf(version: string): string {
  const tag = version.replace(/-(a|b|rc)(?:lpha|eta)?\.(\d+)$/, "$1$2");
  return `${REPOSITORY}:${tag}`;
}

function pathOfTestcontainers(): string | undefined {
  for (const from of [join(process.cwd(), "package.json"), __filename]) {
    try {
      return createRequire(from).resolve("testcontainers");
    } catch {
      // Not there.
    }
  }
  return undefined;
}

interface Testcontainers {
  GenericContainer: new (image: string) => Builder;
  Wait: { forHttp(path: string, port: number): unknown };
}

interface Builder {
  withExposedPorts(port: number): Builder;
  withEnvironment(variables: Record<string, string>): Builder;
  withWaitStrategy(strategy: unknown): Builder;
  start(): Promise<Container>;
}

interface Container {
  getHost(): string;
  getMappedPort(port: number): number;
  stop(): Promise<unknown>;
}

async function loaded(): Promise<Testcontainers> {
  const path = pathToFileURL(pathOfTestcontainers() ?? "").href;
  const loaded = (await import(path)) as Testcontainers & { default?: Testcontainers };
  // Of a module in CommonJS, `default` alone is sure to have all.
  return loaded.default?.GenericContainer ? loaded.default : loaded;
}
