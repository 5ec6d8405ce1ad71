/** What the pages show: each file of theirs is run by its runner, from their lines alone. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { BIN, run } from "./runs.mjs";
import { archive, PACKED } from "./setup.mjs";

const ROOT = join(import.meta.dirname, "..", "..", "..");
const ARCHIVE = archive();
const BLOCK = /^```(\w+)\n([^]*?)^```$/gm;
const FLAGS = " --no-package-lock --prefer-offline --ignore-scripts --no-audit --no-fund";

interface Page {
  files: Record<string, string>;
  commands: string[];
}

function page(...path: string[]): Page {
  const files: Record<string, string> = {};
  const commands: string[] = [];
  for (const [, language, text = ""] of readFileSync(join(ROOT, ...path), "utf8").matchAll(BLOCK)) {
    const name = /^\/\/ (\S+)\n/.exec(text)?.[1];
    if (name) files[name] = (files[name] ?? "") + text;
    if (language === "sh") commands.push(text);
  }
  return { files, commands };
}

/** Write the files of a page below this folder, from where the package is found. */
function project({ files }: Page, config: Record<string, string> = {}): string {
  mkdirSync(PAGES, { recursive: true });
  const folder = mkdtempSync(join(PAGES, "page-"));
  const bare = {
    "package.json": '{"private": true, "type": "module"}',
    "vitest.config.js": "export default {};",
  };
  for (const [name, text] of Object.entries({ ...bare, ...files, ...config })) {
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

/** Install what a line says: the package from its archive, without a file of locks. */
function installing(line: string): string {
  const ours = line
    .replace(/ fake-apimart\b/, ` ${ARCHIVE}`)
    .replace(/ vitest$/m, " vitest@4.1.12");
  return ours.replace(/^npm install.*$/gm, (each) => each + FLAGS);
}

const PAGES = join(PACKED, "pages");
const README = page("clients", "node", "README.md");

describe("README.md", () => {
  test("has ten tests and one, which vitest runs", async () => {
    const ran = await run([join(BIN, "vitest"), "run"], project(README));
    expect(ran.status, ran.output).toBe(0);
    expect(ran.output).toContain("12 passed");
  });

  test.each([
    ["jest", [join(BIN, "jest"), "--testMatch", "**/*.jest.js"], "1 passed"],
    ["node:test", [process.execPath, "--test", "hooks.node.mjs"], "pass 2"],
    ["Playwright", [join(BIN, "playwright"), "test"], "1 passed"],
    ["Node", [process.execPath, "script.mjs"], "APIMART_API_KEY"],
  ])("has what %s runs", async (name, command, said) => {
    const files: Record<string, string> = {
      "playwright.config.ts": 'export default { testMatch: "*.pw.ts" };',
    };
    // Its file is in CommonJS.
    if (name === "jest") files["package.json"] = '{"private": true}';
    const ran = await run(command, project(README, files));
    expect(ran.status, ran.output).toBe(0);
    expect(ran.output).toContain(said);
  });
});

describe("docs/testing/node.md", () => {
  const { files, commands } = page("docs", "testing", "node.md");
  const [install = "", vitest = "", example = ""] = commands;

  test("begins from nothing", async () => {
    const folder = mkdtempSync(join(tmpdir(), "from-nothing-"));
    const installed = await run(["sh", "-ec", installing(install)], folder);
    expect(installed.status, installed.output).toBe(0);
    writeFileSync(join(folder, "apimart.test.js"), files["apimart.test.js"]!);
    const ran = await run(["sh", "-ec", vitest], folder);
    expect(ran.status, ran.output).toBe(0);
    expect(ran.output).toContain("1 passed");
  });

  test("has the lines by which the ten tests of the example pass", async () => {
    const folder = mkdtempSync(join(tmpdir(), "example-"));
    const about = join(folder, "package.json");
    const filter = (path: string): boolean => !path.includes("node_modules");
    cpSync(join(ROOT, "examples", "vitest"), folder, { recursive: true, filter });
    const text = readFileSync(about, "utf8");
    writeFileSync(about, text.replace(/"fake-apimart": ".*"/, `"fake-apimart": "file:${ARCHIVE}"`));
    const ran = await run(["sh", "-ec", installing(example)], folder);
    expect(ran.status, ran.output).toBe(0);
    expect(ran.output).toContain("10 passed");
  });
});
