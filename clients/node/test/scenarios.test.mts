/** What all fixtures do alike, whatever language they are for: here by the verbs of Node's. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Apimart, startApimart, type StartedApimart } from "fake-apimart";
import { afterAll, beforeAll, expect, test } from "vitest";

import { PNG } from "./requests.mjs";
import { DOES, SENDS, Scenario, type Step } from "./scenario.mjs";

const FILE = join(import.meta.dirname, "..", "..", "scenarios", "scenarios.json");
const { scenarios } = JSON.parse(readFileSync(FILE, "utf8")) as {
  scenarios: { name: string; steps: Step[] }[];
};

let server: StartedApimart;
beforeAll(async () => {
  server = await startApimart();
});
afterAll(() => server.stop());

test.concurrent.each(scenarios)("$name", async ({ steps }) => {
  const scenario = new Scenario(await server.world());
  for (const step of steps) await scenario.take(step);
});

test("each verb of the table is there, and stands in a scenario", () => {
  const steps = scenarios.flatMap((each) => each.steps);
  expect(new Set(steps.flatMap((step) => step.do ?? []))).toEqual(new Set(Object.keys(DOES)));
  expect(new Set(steps.flatMap((step) => step.send ?? []))).toEqual(new Set(Object.keys(SENDS)));
});

test("each verb of a world is one of the table, or is named here", () => {
  const others = [
    "constructor",
    "env",
    "setEnv",
    "missedRules",
    "describedRequests",
    "close",
    "toString",
  ];
  const verbs = Object.getOwnPropertyNames(Apimart.prototype).filter(
    (name) => !others.includes(name),
  );
  const snake = verbs.map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  expect(new Set(snake)).toEqual(new Set(Object.keys(DOES).filter((name) => !name.includes("."))));
  expect(PNG.length).toBeGreaterThan(0);
});
