/** The runners themselves, each on a small project with tests that pass and tests that fail. */
import { join } from "node:path";

import { beforeAll, describe, expect, test } from "vitest";

import { answers, BIN, PROJECTS, run, until, type Ran } from "./runs.mjs";

interface Project {
  /** The folder, and how the runner runs where that is not its default. */
  name: string;
  command: string[];
  /** How many tests fail, in the runner's words. */
  failed: string;
  labels: string[];
  /** Of tests that failed with a request in their journal. */
  journals: string[];
  /** Of tests that failed for a rule of theirs. */
  unmet: string[];
  /** How a message shows the line that wrote the rule. */
  blamed: RegExp;
}

const REFUSED = /!   [\d:.]{12} (uploads.create|balance.get): .* -> 429 Rate limit exceeded\./;
const VITEST: Omit<Project, "name" | "command"> = {
  failed: "4 failed | 10 passed | 1 skipped",
  labels: ["hooks.mts > hooks > upload one file", "fixture.mts > at the same time > upload 3"],
  journals: [
    "hooks.mts > hooks > fail with the journal",
    "fixture.mts > at the same time > fail with the journal",
  ],
  unmet: [
    "hooks.mts > hooks > never meet a rule",
    "fixture.mts > at the same time > never meet a rule",
  ],
  blamed: /hooks\.mts:26:\d+\n[^]* 26\| +await apimart\.fail\("tasks\.get"/,
};
const JEST: Omit<Project, "name" | "command"> = {
  failed: "2 failed, 4 passed",
  labels: ["hooks upload one file", "another file has the same server"],
  journals: ["hooks fail with the journal"],
  unmet: ["hooks never meet a rule"],
  blamed: /> 29 \| +await apimart\.fail\("tasks\.get"/,
};
const PROJECT_TABLE: Project[] = [
  { name: "vitest", command: [join(BIN, "vitest"), "run"], ...VITEST },
  {
    name: "vitest in threads",
    command: [join(BIN, "vitest"), "run", "--pool", "threads"],
    ...VITEST,
  },
  { name: "jest", command: [join(BIN, "jest"), "--runInBand"], ...JEST },
  {
    name: "jest in workers",
    command: [join(BIN, "jest"), "--maxWorkers", "2", "--no-cache"],
    ...JEST,
  },
  {
    name: "node",
    command: [process.execPath, "--test", "hooks.test.mjs", "own.test.cjs"],
    failed: "fail 4",
    labels: ["hooks > upload one file", "at the same time > upload 3"],
    journals: ["hooks > fail with the journal"],
    unmet: ["hooks > never meet a rule", "at the same time > never meet a rule of its own"],
    blamed: /hooks\.test\.mjs:33:/,
  },
  {
    name: "playwright",
    command: [join(BIN, "playwright"), "test"],
    failed: "3 failed\n[^]*1 skipped\n +4 passed",
    labels: ["fixture.pw.ts > upload 3", "hooks.pw.ts > hooks open a world"],
    journals: ["fixture.pw.ts > fail with the journal"],
    unmet: ["fixture.pw.ts > never meet a rule", "hooks.pw.ts > hooks find a rule that nobody met"],
    blamed: /> 32 \| +await apimart\.fail\("tasks\.get"/,
  },
];

describe.each(PROJECT_TABLE)(
  "$name",
  ({ name, command, failed, labels, journals, unmet, blamed }) => {
    let ran: Ran;
    beforeAll(async () => {
      ran = await run(command, join(PROJECTS, name.split(" ")[0]!));
    });

    test("fails for the tests that fail, and for no other", () => {
      expect(ran.status, ran.output).toBe(1);
      expect(ran.output).toMatch(new RegExp(failed.replaceAll("|", "\\|")));
    });

    test("gives each world the name of its test", () => {
      for (const label of labels) expect(ran.output).toContain(`label ${label}\n`);
    });

    test("shows the journal in the message of a failure", () => {
      for (const label of journals) expect(ran.output).toContain(`"${label}": 1 request`);
      expect(ran.output).toMatch(REFUSED);
    });

    test("fails a test for a rule that nobody met, at the line that wrote it", () => {
      for (const label of unmet) expect(ran.output).toContain(`"${label}": 0 requests\n`);
      expect(ran.output).toMatch(/never met: <Rule \S+ error="rate_limited">\. Nothing was sent/);
      expect(ran.output).toMatch(blamed);
      expect(ran.output).not.toMatch(/fake-apimart\/dist/);
    });

    test("has one server for all files and workers, which ends with the run", async () => {
      const urls = [...ran.output.matchAll(/server (http:\S+)/g)].map(([, url]) => url);
      expect(urls.length).toBeGreaterThan(1);
      expect(new Set(urls).size).toBe(1);
      await until(async () => !(await answers(urls[0]!)));
    });
  },
);
