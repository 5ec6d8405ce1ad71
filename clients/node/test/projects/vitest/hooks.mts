import { useApimart } from "fake-apimart";
import { describe, expect, test } from "vitest";

import { upload } from "../../requests.mjs";

const apimart = useApimart();

describe("hooks", () => {
  test("upload one file", async () => {
    console.log(`server ${apimart.baseUrl}`);
    console.log(`label ${apimart.label}`);
    await upload(apimart);
    expect(await apimart.uploads.list()).toHaveLength(1);
  });

  test("see nothing of another test", async () => {
    expect(await apimart.uploads.list()).toEqual([]);
  });

  test("fail with the journal", async () => {
    await apimart.fail("uploads.create", { error: "rate_limited" });
    expect((await upload(apimart)).status).toBe(200);
  });

  test("never meet a rule", async () => {
    await apimart.fail("tasks.get", { error: "rate_limited" });
  });

  test("leave a test with a rule", async (context) => {
    await apimart.fail("tasks.get", { error: "rate_limited" });
    context.skip();
  });

  test("pass the second time", { retry: 1 }, async ({ task }) => {
    if (!task.result?.retryCount) throw new Error("the first time");
    expect(await apimart.requests.list()).toEqual([]);
  });
});

test("the variables are those of the world", () => {
  apimart.setEnv();
  expect(process.env["APIMART_API_KEY"]).toBe(apimart.apiKey);
});

test("the variables are as before", () => {
  expect(process.env["APIMART_API_KEY"]).toBeUndefined();
});
