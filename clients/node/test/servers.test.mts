/** Where the server comes from, who shares it, and when it ends. */
import { chmodSync, mkdtempSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ApimartError, startApimart } from "fake-apimart";
import { afterEach, describe, expect, test } from "vitest";

import { answers, BIN, PROJECTS, run, start, until } from "./runs.mjs";

const OURS = process.env["FAKE_APIMART_COMMAND"]!;
const FOLDER = mkdtempSync(join(tmpdir(), "test of servers "));
const SCRIPT = `
  const { startApimart } = require("fake-apimart");
  startApimart().then(
    async (server) => { console.log(server.url); await server.world(); await server.stop(); },
    (error) => { console.log(error.name + ": " + error.message); process.exit(3); },
  );`;

function script(name: string, text: string): string {
  const path = join(FOLDER, name);
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

async function started(variables: NodeJS.ProcessEnv): Promise<string> {
  return (await run([process.execPath, "-e", SCRIPT], PROJECTS, variables)).output.trim();
}

describe("a command", () => {
  test("is split as a shell would", async () => {
    const path = script(
      "it's one.sh",
      `test "$1" = "two words" || exit 9; shift; exec ${OURS} "$@"`,
    );
    const command = `"${path}" two' words'`;
    expect(await started({ FAKE_APIMART_COMMAND: command })).toMatch(/^http:\/\/127/);
  });

  test.each([
    [
      "no program",
      "no-such-program here",
      /^ApimartError: the server did not start: no-such-program here: spawn .*ENOENT$/,
    ],
    [
      "one that fails",
      "sh -c 'echo out of paint >&2; exit 7'",
      /^ApimartError: the server did not start: out of paint$/,
    ],
    [
      "one that says nothing",
      "true",
      /^ApimartError: the server did not start: true serve ended with status 0$/,
    ],
    [
      "an open quote",
      "sh -c 'true",
      /^ApimartError: FAKE_APIMART_COMMAND=sh -c 'true: no closing quotation$/,
    ],
    ["no name", "'' here", /^ApimartError: FAKE_APIMART_COMMAND='' here: it names no program$/],
  ])("that is %s is told in a line", async (_, command, said) => {
    expect(await started({ FAKE_APIMART_COMMAND: command })).toMatch(said);
  });

  test("comes from PATH, then by uvx", async () => {
    const node = join(process.execPath, "..");
    const folder = mkdtempSync(join(FOLDER, "bin"));
    const path = `${folder}:/bin:/usr/bin`;
    const named = { FAKE_APIMART_COMMAND: "" };
    const uvx = join(folder, "uvx");
    writeFileSync(
      uvx,
      `#!/bin/sh\ntest "$1" = fake-apimart || exit 9\nshift\nexec ${OURS} "$@"\n`,
      { mode: 0o755 },
    );
    expect(await started({ ...named, PATH: path })).toMatch(/^http:/);
    writeFileSync(join(folder, "fake-apimart"), "#!/bin/sh\necho this one >&2; exit 1\n", {
      mode: 0o755,
    });
    expect(await started({ ...named, PATH: path })).toMatch(/did not start: this one$/);
    expect(await started({ ...named, PATH: join(node, "none") })).toMatch(
      /^ApimartError: there is no fake-apimart here: .* FAKE_APIMART_URL .* FAKE_APIMART_COMMAND .*$/,
    );
  });
});

describe("an address", () => {
  let stub: Server | undefined;
  afterEach(() => stub?.close());

  async function answering(answer: string): Promise<string> {
    stub = createServer((_, response) => response.end(answer));
    await new Promise<void>((resolve) => stub?.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(stub.address() as AddressInfo).port}`;
  }

  test("of a server that is too old is told in a line", async () => {
    const url = await answering('{"status": "ok", "version": "0.0.9", "storage": "memory://"}');
    await expect(startApimart({ url })).rejects.toThrow(
      new ApimartError(
        `fake-apimart at ${url} is version 0.0.9: this package needs 0.1.0 or newer`,
      ),
    );
  });

  test("of another program is told in a line", async () => {
    const url = await answering("<html>\n <body>hello</body>");
    await expect(startApimart({ url })).rejects.toThrow(
      `${url} is no fake-apimart: it answered 200 <html> <body>hello</body>`,
    );
  });

  test.each([
    ["ftp://127.0.0.1", '"ftp://127.0.0.1" is no URL of a server, such as http://127.0.0.1:8080'],
    ["127.0.0.1:8080", '"127.0.0.1:8080" is no URL of a server, such as http://127.0.0.1:8080'],
    [
      "http://me:secret@127.0.0.1:1",
      "http://***@127.0.0.1:1 does not answer: connect ECONNREFUSED",
    ],
  ])("%s is told in a line", async (url, said) => {
    await expect(startApimart({ url })).rejects.toThrow(said);
  });

  test("is taken as it is, and its server goes on", async () => {
    await using server = await startApimart();
    const output = await started({ FAKE_APIMART_URL: `${server.url}/` });
    expect(output).toBe(server.url);
    expect(await answers(server.url)).toBe(true);
  });
});

describe("the end of a run", () => {
  const VITEST = [process.execPath, join(BIN, "..", "vitest", "vitest.mjs"), "run"];
  const SLOW = join(PROJECTS, "slow");

  async function begun(command: string[]): Promise<[ReturnType<typeof start>, string]> {
    const running = start(command, SLOW);
    let output = "";
    running.process.stdout?.on("data", (piece: string) => (output += piece));
    await until(() => /server http:\S+/.test(output), 30);
    return [running, /server (http:\S+)/.exec(output)![1]!];
  }

  test.each([
    ["vitest", VITEST],
    ["node:test", [process.execPath, "--test", "slow.test.mjs"]],
    ["a process alone", [process.execPath, "slow.test.mjs"]],
  ])("of %s by SIGKILL is that of its server", async (_, command) => {
    const [running, url] = await begun(command);
    expect(await answers(url)).toBe(true);
    running.process.kill("SIGKILL");
    await until(async () => !(await answers(url)));
  });

  test("of one is not that of another at the same time", async () => {
    const [[one, first], [other, second]] = await Promise.all([begun(VITEST), begun(VITEST)]);
    expect(first).not.toBe(second);
    one.process.kill("SIGKILL");
    await until(async () => !(await answers(first)));
    expect(await answers(second)).toBe(true);
    other.process.kill("SIGKILL");
    await until(async () => !(await answers(second)));
  });

  test("of a script without stop is that of its server", async () => {
    const text = 'require("fake-apimart").startApimart().then(({ url }) => console.log(url))';
    const { status, output } = await run([process.execPath, "-e", text], PROJECTS);
    expect([status, output]).toEqual([0, expect.stringMatching(/^http:/)]);
    await until(async () => !(await answers(output.trim())));
  });
});

describe("a server that is slow to start", () => {
  // Longer than jest and vitest give to a test or a hook.
  const slow = script("slow.sh", `sleep 11; exec ${OURS} "$@"`);

  test.each([
    ["vitest", [join(BIN, "vitest"), "run", "fixture.mts", "-t", "upload"], "3 passed"],
    ["jest", [join(BIN, "jest"), "-t", "upload"], "1 passed"],
  ])("takes no time of the tests of %s", async (name, command, passed) => {
    const ran = await run(command, join(PROJECTS, name), { FAKE_APIMART_COMMAND: `'${slow}'` });
    expect(ran.status, ran.output).toBe(0);
    expect(ran.output).toContain(passed);
  });
});

describe("where there is no server", () => {
  const nowhere = { FAKE_APIMART_URL: "http://127.0.0.1:9" };

  test.each([
    ["vitest", [join(BIN, "vitest"), "run"]],
    ["jest", [join(BIN, "jest")]],
    ["node", [process.execPath, "--test", "hooks.test.mjs", "own.test.cjs"]],
  ])("%s says so in a line", async (name, command) => {
    const { status, output } = await run(command, join(PROJECTS, name), nowhere);
    expect(status).toBe(1);
    expect(output).toMatch(/http:\/\/127\.0\.0\.1:9 does not answer: connect ECONNREFUSED/);
    expect(output).not.toContain("fake-apimart/dist");
  });
});

test("a server that ends by itself is told by the next test, with its log", async () => {
  const mortal = script(
    "mortal.sh",
    `echo out of paint >&2; timeout -s KILL 4 ${OURS} "$@"; exit 7`,
  );
  const command = [process.execPath, "--test", "ending.mjs"];
  const variables = { FAKE_APIMART_COMMAND: `'${mortal}'` };
  const { status, output } = await run(command, join(PROJECTS, "node"), variables);
  expect(status).toBe(1);
  expect(output).toMatch(/the server has ended by itself, with status 7: out of paint/);
});

test("tests of node:test within tests have worlds of their own, by any name", async () => {
  const { status, output } = await run([process.execPath, "nested.mjs"], join(PROJECTS, "node"));
  expect(status, output).toBe(0);
  expect(output).toContain("<Apimart, no test runs>");
});
