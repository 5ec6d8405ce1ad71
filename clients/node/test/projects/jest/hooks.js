const { useApimart } = require("fake-apimart");

const apimart = useApimart();

async function upload() {
  const body = new FormData();
  body.set("file", new Blob([Buffer.from("GIF89a\x01\0\x01\0\0\0\0;", "latin1")]), "photo.gif");
  const headers = { Authorization: `Bearer ${apimart.apiKey}` };
  return fetch(`${apimart.baseUrl}/v1/uploads/images`, { method: "POST", headers, body });
}

describe("hooks", () => {
  test("upload one file", async () => {
    process.stdout.write(`server ${apimart.baseUrl}\nlabel ${apimart.label}\n`);
    await upload();
    expect(await apimart.uploads.list()).toHaveLength(1);
  });

  test("see nothing of another test", async () => {
    expect(await apimart.uploads.list()).toEqual([]);
  });

  test("fail with the journal", async () => {
    await apimart.fail("uploads.create", { error: "rate_limited" });
    expect((await upload()).status).toBe(200);
  });

  test("never meet a rule", async () => {
    await apimart.fail("tasks.get", { error: "rate_limited" });
  });

  test("replace the clock and fetch", async () => {
    jest.useFakeTimers();
    const spy = jest.spyOn(globalThis, "fetch").mockRejectedValue(new Error("no network in tests"));
    await apimart.uploads.add(Buffer.from("GIF89a\x01\0\x01\0\0\0\0;", "latin1"), "a.gif");
    await apimart.uploads.add(
      new Uint8Array(Buffer.from("GIF89a\x01\0\x01\0\0\0\0;", "latin1")),
      "b.gif",
    );
    await apimart.clock.at(new Date());
    spy.mockRestore();
    jest.useRealTimers();
    expect(await apimart.uploads.list()).toHaveLength(2);
  });
});
