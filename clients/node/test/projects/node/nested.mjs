import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { useApimart } from "fake-apimart/node";

describe("nested", () => {
  const apimart = useApimart();
  console.log(apimart);

  test("a test within a test has a world of its own", async (t) => {
    const outer = apimart.apiKey;
    await t.test("this one", async () => {
      assert.notEqual(apimart.apiKey, outer);
    });
    assert.equal(apimart.apiKey, outer);
  });

  test("names may hold what is new 🫩🫪", () => {
    assert.match(apimart.label, /^nested > names may hold what is new .+$/);
  });
});
