const assert = require("node:assert/strict");
const { describe, test } = require("node:test");

const { apimartOf } = require("fake-apimart/node");

describe("at the same time", { concurrency: true }, () => {
  for (const count of [1, 2, 3]) {
    test(`upload ${count}`, async (t) => {
      const apimart = await apimartOf(t);
      console.log(`server ${apimart.baseUrl}`);
      console.log(`label ${apimart.label}`);
      for (let each = 0; each < count; each++) {
        await apimart.uploads.add(Buffer.from("GIF89a\x01\0\x01\0\0\0\0;", "latin1"), "a.gif");
      }
      assert.equal((await apimart.uploads.list()).length, count);
    });
  }

  test("fail with the journal of its own", async (t) => {
    const apimart = await apimartOf(t);
    await fetch(`${apimart.baseUrl}/v1/balance`, {
      headers: { Authorization: `Bearer ${apimart.apiKey}` },
    });
    assert.equal(1, 2);
  });

  test("never meet a rule of its own", async (t) => {
    const apimart = await apimartOf(t);
    await apimart.fail("models.list", { error: "rate_limited" });
  });
});
