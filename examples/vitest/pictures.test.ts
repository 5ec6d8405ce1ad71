/** Tests of the program: with a working APIMart, and with failures. */
import { useApimart } from "fake-apimart/vitest";
import { beforeEach, expect, test } from "vitest";

import { redraw, upload } from "./pictures.js";

/** A PNG of one pixel. */
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==",
  "base64",
);

const apimart = useApimart();

beforeEach(async () => {
  // APIMART_BASE_URL and APIMART_API_KEY: no test can reach the real service.
  apimart.setEnv();
  await apimart.pace({ seconds: 0 });
});

test("a photo is tried again while there are too many requests", async () => {
  const rule = await apimart.fail("uploads.create", { error: "rate_limited", times: 2 });
  await upload(PNG, "photo.png");
  expect(await rule.used()).toBe(2);
});

test("a URL is dead after 72 hours", async () => {
  const url = await upload(PNG, "photo.png");
  await apimart.clock.advance({ hours: 71 });
  expect((await fetch(url)).status).toBe(200);
  await apimart.clock.advance({ hours: 1 });
  expect((await fetch(url)).status).toBe(403);
});

test("a failed task is an error", async () => {
  await apimart.tasksFail("no cats today");
  await expect(redraw(PNG, "a cat")).rejects.toThrow("no cats today");
});

test("an answer that is cut is asked for again", async () => {
  await apimart.fail("generations.create", { socket: "cut_in_body" });
  expect(await redraw(PNG, "as a woodcut")).toMatch(/^http/);
});

test("two customers see nothing of each other", async () => {
  await upload(PNG, "mine.png");
  const other = await apimart.another();
  process.env["APIMART_API_KEY"] = other.apiKey;
  await upload(PNG, "theirs.png");
  expect((await apimart.uploads.list()).map((file) => file.filename)).toEqual(["mine.png"]);
  expect((await other.uploads.list()).map((file) => file.filename)).toEqual(["theirs.png"]);
});

test("a balance of nothing is told", async () => {
  await apimart.balance(0);
  await expect(redraw(PNG, "a cat")).rejects.toThrow(/balance/);
});

test("a task is polled until it is done", async () => {
  await apimart.pace({ polls: 3 });
  await redraw(PNG, "a cat");
  expect(await apimart.requests.matching({ operation: "tasks.get" })).toHaveLength(4);
});

test("what is sent is all read", async () => {
  await redraw(PNG, "as a woodcut");
  const [sent] = await apimart.requests.matching({ operation: "generations.create" });
  const [photo] = await apimart.uploads.list();
  expect(sent?.json).toEqual({
    model: "gpt-image-2",
    prompt: "as a woodcut",
    image_urls: [photo?.url],
  });
  expect(sent?.unreadFields).toEqual([]);
});

test("one kind of file alone is refused", async () => {
  const where = { filename: { glob: "*.heic" } };
  await apimart.fail("uploads.create", { error: "forbidden", where });
  await upload(PNG, "photo.png");
  await expect(upload(PNG, "photo.heic")).rejects.toThrow();
});

test("the page of a proxy is no answer", async () => {
  const page = {
    status: 502,
    headers: { "Content-Type": "text/html" },
    body: "<h1>Bad gateway</h1>",
  };
  await apimart.fail("uploads.create", { ...page, times: null });
  await expect(upload(PNG, "photo.png")).rejects.toThrow("APIMart answered 502");
});
