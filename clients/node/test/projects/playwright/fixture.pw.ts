import { expect, test } from "fake-apimart/playwright";

for (const count of [1, 2, 3]) {
  test(`upload ${count}`, async ({ apimart, request }) => {
    console.log(`server ${apimart.baseUrl}`);
    console.log(`label ${apimart.label}`);
    for (let each = 0; each < count; each++) {
      const answer = await request.post(`${apimart.baseUrl}/v1/uploads/images`, {
        headers: { Authorization: `Bearer ${apimart.apiKey}` },
        multipart: {
          file: {
            name: "a.gif",
            mimeType: "image/gif",
            buffer: Buffer.from("GIF89a\x01\0\x01\0\0\0\0;", "latin1"),
          },
        },
      });
      expect(answer.status()).toBe(200);
    }
    expect(await apimart.uploads.list()).toHaveLength(count);
  });
}

test("fail with the journal", async ({ apimart, request }) => {
  await apimart.fail("balance.get", { error: "rate_limited" });
  const headers = { Authorization: `Bearer ${apimart.apiKey}` };
  const answer = await request.get(`${apimart.baseUrl}/v1/balance`, { headers });
  expect(answer.status()).toBe(200);
});

test("never meet a rule", async ({ apimart }) => {
  await apimart.fail("tasks.get", { error: "rate_limited" });
});

test("leave a test with a rule", async ({ apimart }) => {
  await apimart.fail("tasks.get", { error: "rate_limited" });
  test.skip();
});
