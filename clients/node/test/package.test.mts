/** The package as it is published: its types, its entries, and what it says of itself. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import openapiTypescript, { astToString } from "openapi-typescript";
import { startApimart, VERSION } from "fake-apimart";
import { expect, test } from "vitest";

import { BIN, PROJECTS, run } from "./runs.mjs";
import { archive } from "./setup.mjs";

const ROOT = join(import.meta.dirname, "..");
const ABOUT = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Record<
  string,
  unknown
>;

test("the types are those of the server's OpenAPI document", async () => {
  // @ts-expect-error It is no module of TypeScript's.
  const { controlOf } = (await import("../tools/control.mjs")) as {
    controlOf(document: unknown): never;
  };
  await using server = await startApimart();
  const document: unknown = await (await fetch(`${server.url}/openapi.json`)).json();
  const made = astToString(await openapiTypescript(controlOf(document)));
  const kept = readFileSync(join(ROOT, "src", "openapi.ts"), "utf8");
  expect(kept.slice(kept.indexOf("\n\n") + 2), "run `make node-types`").toBe(made);
});

test("the version is that of the code, and nothing is needed", () => {
  expect(ABOUT["version"]).toBe(VERSION);
  expect(ABOUT).not.toHaveProperty("dependencies");
});

test("all pins of development are exact", () => {
  for (const pin of Object.values(ABOUT["devDependencies"] as object))
    expect(pin).toMatch(/^\d+\.\d+\.\d+$/);
});

test.each([
  // vitest has no CommonJS.
  ["attw", ["--profile", "node16", "--ignore-rules", "cjs-resolves-to-esm"]],
  // TypeScript for CommonJS looks for types as Node 10 did, which knew no exports, unless told otherwise.
  ["attw", ["--exclude-entrypoints", "vitest"]],
  ["publint", ["--strict"]],
])("%s finds nothing", async (program, flags) => {
  const { status, output } = await run([join(BIN, program), archive(), ...flags], PROJECTS);
  expect(status, output).toBe(0);
});

test.each([
  ["fake-apimart", "Apimart,ApimartError,OLDEST_SERVER,VERSION,startApimart,useApimart"],
  ["fake-apimart/jest", "useApimart"],
  ["fake-apimart/node", "apimartOf,useApimart"],
  ["fake-apimart/playwright", "expect,test,useApimart"],
])("%s has the same names in both kinds of modules, and they are the same", async (name, names) => {
  const program = `
    const required = require("${name}");
    import("${name}").then((imported) => {
      const same = Object.keys(imported).every((each) => imported[each] === required[each]);
      console.log([Object.keys(required).sort(), Object.keys(imported).sort(), same].join(" "));
    });`;
  const { output } = await run([process.execPath, "-e", program], PROJECTS);
  expect(output.trim()).toBe(`${names} ${names} true`);
});
