/** A server by testcontainers, where a project has it; the package is stood in for here. */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { startApimart, VERSION } from "fake-apimart";
import { expect, test } from "vitest";

import { run } from "./runs.mjs";
import { PACKED } from "./setup.mjs";

const STAND_IN = `
  class GenericContainer {
    constructor(image) { console.log("image " + image); }
    withExposedPorts() { return this; }
    withEnvironment() { return this; }
    withWaitStrategy() { return this; }
    async start() {
      if (!process.env.STAND_IN) throw new Error("no engine\\nat all");
      const { hostname, port } = new URL(process.env.STAND_IN);
      return { getHost: () => hostname, getMappedPort: () => port, stop: async () => console.log("stopped") };
    }
  }
  module.exports = { GenericContainer, Wait: { forHttp: () => undefined } };`;
const SCRIPT = `
  require("fake-apimart").startApimart().then(
    async (server) => { await server.world(); console.log(server.url); await server.stop(); },
    (error) => console.log(error.message),
  );`;

async function ran(variables: NodeJS.ProcessEnv): Promise<string> {
  const folder = mkdtempSync(join(PACKED, "container-"));
  const installed = join(folder, "node_modules", "testcontainers");
  mkdirSync(installed, { recursive: true });
  writeFileSync(join(installed, "index.js"), STAND_IN);
  writeFileSync(join(folder, "package.json"), '{"private": true}');
  const nowhere = { FAKE_APIMART_COMMAND: "", PATH: folder };
  return (await run([process.execPath, "-e", SCRIPT], folder, { ...nowhere, ...variables })).output;
}

test("a container of this version's image is started, and stopped", async () => {
  await using server = await startApimart();
  const image = `ghcr.io/fake-apimart/fake-apimart:${VERSION}`;
  expect(await ran({ STAND_IN: server.url })).toBe(`image ${image}\n${server.url}\nstopped\n`);
});

test.each([
  ["0.2.0", "0.2.0"],
  ["0.2.0-rc.1", "0.2.0rc1"],
  ["1.0.0-alpha.12", "1.0.0a12"],
  ["1.0.0-beta.2", "1.0.0b2"],
])("the image of version %s has the tag %s", async (version, tag) => {
  const container = join(
    import.meta.dirname,
    "node_modules",
    "fake-apimart",
    "dist",
    "servers",
    "container.js",
  );
  const program = `console.log(require(process.argv[1]).imageOf("${version}"))`;
  const { output } = await run([process.execPath, "-e", program, container], PACKED);
  expect(output).toBe(`ghcr.io/fake-apimart/fake-apimart:${tag}\n`);
});

test("a container of another image that does not start is told in a line", async () => {
  expect(await ran({ FAKE_APIMART_IMAGE: "mine:7" })).toBe(
    "image mine:7\nthe container of mine:7 did not start: no engine\n",
  );
});
