import { test } from "fake-apimart/vitest";
import { describe, expect } from "vitest";

import { upload } from "../../requests.mjs";

describe.concurrent("at the same time", () => {
  for (const count of [1, 2, 3]) {
    test(`upload ${count}`, async ({ apimart }) => {
      console.log(`server ${apimart.baseUrl}`);
      console.log(`label ${apimart.label}`);
      for (let each = 0; each < count; each++) await upload(apimart);
      expect(await apimart.uploads.list()).toHaveLength(count);
    });
  }

  test("fail with the journal", async ({ apimart }) => {
    await apimart.fail("uploads.create", { error: "rate_limited" });
    expect((await upload(apimart)).status).toBe(200);
  });

  test("never meet a rule", async ({ apimart }) => {
    await apimart.fail("tasks.get", { error: "rate_limited" });
  });
});
