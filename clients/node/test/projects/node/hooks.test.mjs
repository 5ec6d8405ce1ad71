import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { useApimart } from "fake-apimart";

const apimart = useApimart();

async function upload() {
  const body = new FormData();
  body.set("file", new Blob([Buffer.from("GIF89a\x01\0\x01\0\0\0\0;", "latin1")]), "photo.gif");
  const headers = { Authorization: `Bearer ${apimart.apiKey}` };
  return fetch(`${apimart.baseUrl}/v1/uploads/images`, { method: "POST", headers, body });
}

describe("hooks", () => {
  test("upload one file", async () => {
    console.log(`server ${apimart.baseUrl}`);
    console.log(`label ${apimart.label}`);
    await upload();
    assert.equal((await apimart.uploads.list()).length, 1);
  });

  test("see nothing of another test", async () => {
    assert.deepEqual(await apimart.uploads.list(), []);
  });

  test("fail with the journal", async () => {
    await apimart.fail("uploads.create", { error: "rate_limited" });
    assert.equal((await upload()).status, 200);
  });

  test("never meet a rule", async () => {
    await apimart.fail("tasks.get", { error: "rate_limited" });
  });
});
