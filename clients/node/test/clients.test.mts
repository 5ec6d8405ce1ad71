/** Clients that programs use, unmodified, on a world of their own. */
import { execFile } from "node:child_process";
import { createReadStream, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import axios from "axios";
import { test } from "fake-apimart/vitest";
import FormData from "form-data";
import * as undici from "undici";
import { describe, expect, vi } from "vitest";

import { generate, PNG, send, upload } from "./requests.mjs";

const FILE = join(mkdtempSync(join(tmpdir(), "clients-")), "photo.png");
writeFileSync(FILE, PNG);
const PATH = "/v1/uploads/images";

describe("an upload", () => {
  test("by fetch", async ({ apimart }) => {
    expect((await upload(apimart)).status).toBe(200);
    const [sent] = await apimart.requests.matching({ operation: "uploads.create", status: 200 });
    expect(sent).toMatchObject({
      filename: "photo.png",
      size: PNG.length,
      contentType: "image/png",
    });
    expect(sent?.answer?.json).toMatchObject({ filename: "photo.png" });
  });

  test("by axios with a stream of form-data", async ({ apimart }) => {
    const form = new FormData();
    form.append("file", createReadStream(FILE));
    const headers = { ...form.getHeaders(), Authorization: `Bearer ${apimart.apiKey}` };
    const answer = await axios.post(apimart.baseUrl + PATH, form, { headers });
    expect(answer.data.filename).toBe("photo.png");
    expect(await (await apimart.uploads.list())[0]?.read()).toEqual(PNG);
  });

  test("by form-data on a socket of its own", async ({ apimart }) => {
    const form = new FormData();
    form.append("file", createReadStream(FILE));
    const { hostname, port } = new URL(apimart.baseUrl);
    const headers = { Authorization: `Bearer ${apimart.apiKey}` };
    const status = await new Promise((resolve, reject) => {
      form.submit({ host: hostname, port, path: PATH, headers }, (error, answer) => {
        answer?.resume();
        error ? reject(error) : resolve(answer.statusCode);
      });
    });
    expect(status).toBe(200);
  });

  test("by undici", async ({ apimart }) => {
    const body = new undici.FormData();
    body.set("file", new Blob([PNG]), "photo.png");
    const headers = { authorization: `Bearer ${apimart.apiKey}` };
    const answer = await undici.fetch(apimart.baseUrl + PATH, { method: "POST", headers, body });
    expect(answer.status).toBe(200);
  });

  test("by a program in CommonJS, which reads its environment", async ({ apimart }) => {
    const program = `
      const { APIMART_BASE_URL, APIMART_API_KEY } = process.env;
      const body = new FormData();
      body.set("file", new Blob([require("fs").readFileSync(process.argv[1])]), "photo.png");
      const headers = { Authorization: "Bearer " + APIMART_API_KEY };
      fetch(APIMART_BASE_URL + "${PATH}", { method: "POST", headers, body })
        .then((answer) => console.log(answer.status));`;
    const env = { ...process.env, ...apimart.env };
    const { stdout } = await promisify(execFile)(process.execPath, ["-e", program, FILE], { env });
    expect(stdout).toBe("200\n");
  });
});

describe("a client sees", () => {
  test("an answer that is cut, by axios", async ({ apimart }) => {
    await apimart.fail("balance.get", { socket: "cut_in_body" });
    const headers = { Authorization: `Bearer ${apimart.apiKey}` };
    await expect(axios.get(`${apimart.baseUrl}/v1/balance`, { headers })).rejects.toThrow(
      /aborted/,
    );
  });

  test("a connection that is reset, by undici", async ({ apimart }) => {
    await apimart.fail("balance.get", { socket: "reset_after_reading" });
    const headers = { authorization: `Bearer ${apimart.apiKey}` };
    await expect(undici.request(`${apimart.baseUrl}/v1/balance`, { headers })).rejects.toThrow();
  });

  test("bytes of a test's own", async ({ apimart }) => {
    const body = new Uint8Array([0, 255, 1]);
    await apimart.fail("balance.get", { status: 202, headers: { "X-Own": "yes" }, body });
    const answer = await send(apimart, "/v1/balance");
    expect([answer.status, answer.headers.get("x-own")]).toEqual([202, "yes"]);
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(body);
  });
});

test("the fixture's calls go past whatever replaces clients and clocks", async ({ apimart }) => {
  const http = createRequire(import.meta.url)("node:http") as typeof import("node:http");
  const refused = (): never => {
    throw new Error("no network in tests");
  };
  vi.spyOn(globalThis, "fetch").mockImplementation(refused);
  vi.spyOn(http, "request").mockImplementation(refused);
  vi.useFakeTimers();
  try {
    await apimart.pace({ polls: 2 });
    await apimart.clock.at(new Date(Date.UTC(2030, 0, 1)));
    expect(Math.floor((await apimart.clock.now()) / 10)).toBe(Date.UTC(2030, 0, 1) / 10_000);
  } finally {
    vi.useRealTimers();
    vi.restoreAllMocks();
  }
});

describe("a file that is put there", () => {
  test("comes from a path, a URL or bytes", async ({ apimart }) => {
    const buffer = PNG.buffer.slice(PNG.byteOffset, PNG.byteOffset + PNG.length) as ArrayBuffer;
    const added = [
      await apimart.uploads.add(FILE),
      await apimart.uploads.add(new URL(`file://${FILE}`), "猫 & co.png"),
      await apimart.uploads.add(buffer, "c.png"),
      await apimart.uploads.add(new Uint8Array(PNG), "d.png"),
    ];
    expect(added.map((each) => each.filename)).toEqual([
      "photo.png",
      "猫 & co.png",
      "c.png",
      "d.png",
    ]);
    for (const each of await apimart.uploads.list())
      expect(await each.read()).toEqual(readFileSync(FILE));
    expect(await added[0]?.sha256()).toMatch(/^[0-9a-f]{64}$/);
  });

  test("is checked as an upload is", async ({ apimart }) => {
    await expect(apimart.uploads.add(Buffer.from("text"), "a.png")).rejects.toThrow(
      /^unsupported image type/,
    );
    await expect(apimart.uploads.add(join(FILE, "none"))).rejects.toThrow(/ENOTDIR/);
  });
});

test("large answers and many at once come whole", async ({ apimart }) => {
  const large = Buffer.concat([PNG, Buffer.alloc(3_000_000)]);
  const file = await apimart.uploads.add(large, "large.png");
  const read = await Promise.all(Array.from({ length: 8 }, () => file.read()));
  expect(read.every((each) => each.equals(large))).toBe(true);
});

test("a task ends when the test says so", async ({ apimart }) => {
  await apimart.pace({ seconds: 3600 });
  await generate(apimart);
  const [task] = await apimart.tasks.list();
  await task?.complete();
  expect(task).toMatchObject({ status: "completed", progress: 100 });
  await expect(task?.fail()).rejects.toThrow(/completed/);
});

test("await using ends a world, and checks its rules", async ({ apimart }) => {
  const ended = async (): Promise<void> => {
    await using other = await apimart.another();
    await other.fail("tasks.get", { error: "rate_limited" });
  };
  await expect(ended()).rejects.toThrow(/^never met: <Rule tasks.get error="rate_limited">/);
});

test("a journal tells what was sent, each on a line", async ({ apimart }) => {
  const other = await apimart.another();
  await upload(apimart, "line\nbreak.png");
  await generate(other, { prompt: "", surprise: 1 });
  await other.fail("tasks.get", { error: "rate_limited", optional: true });
  expect((await apimart.describedRequests()).split("\n")).toEqual([
    '"test/clients.test.mts > a journal tells what was sent, each on a line": 1 request',
    expect.stringMatching(/^    \d{4}-\d\d-\d\d UTC, by the clock of the world$/),
    expect.stringMatching(/^    \d\d:\d\d:\d\d\.\d{3} uploads.create: POST .* -> 200/),
    `                file "line%0Abreak.png", image/png, ${PNG.length} bytes`,
    '"test/clients.test.mts > a journal tells what was sent, each on a line (2)": 1 request',
    expect.stringMatching(/UTC/),
    expect.stringMatching(/^!   \S+ generations.create: POST .* -> 400 prompt is required/),
    expect.stringMatching(/^ {16}json \{/),
  ]);
});
