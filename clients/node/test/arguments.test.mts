/** Arguments that cannot be: each is refused by its name, at the line of the test. */
import { test } from "fake-apimart/vitest";
import { Apimart, startApimart } from "fake-apimart";
import { expect } from "vitest";

type Call = (apimart: any) => Promise<unknown>;

const REFUSED: [string, typeof TypeError | typeof RangeError, RegExp, Call][] = [
  [
    "an operation",
    TypeError,
    /^operation must be a string, not 7$/,
    (a) => a.fail(7, { error: "x" }),
  ],
  [
    "no effect",
    TypeError,
    /^the options of fail must be an object, not undefined$/,
    (a) => a.fail("tasks.get"),
  ],
  [
    "an option",
    TypeError,
    /^fail has no option eror; it has error, status, /,
    (a) => a.fail("tasks.get", { eror: "x" }),
  ],
  [
    "an error",
    TypeError,
    /^error must be a string, not 429$/,
    (a) => a.fail("tasks.get", { error: 429 }),
  ],
  [
    "a status",
    RangeError,
    /^status must be whole, not 4.5$/,
    (a) => a.fail("tasks.get", { status: 4.5 }),
  ],
  [
    "times",
    TypeError,
    /^times must be a number, not '2'$/,
    (a) => a.fail("tasks.get", { error: "x", times: "2" }),
  ],
  [
    "a delay",
    RangeError,
    /^delay must be finite, not Infinity$/,
    (a) => a.fail("tasks.get", { delay: Infinity }),
  ],
  [
    "a header",
    TypeError,
    /^headers\[A\] must be a string, not 1$/,
    (a) => a.fail("tasks.get", { headers: { A: 1 } }),
  ],
  [
    "headers",
    TypeError,
    /^headers must be an object, not Map/,
    (a) => a.fail("tasks.get", { headers: new Map() }),
  ],
  [
    "where",
    TypeError,
    /^where must be an object, not \[\]$/,
    (a) => a.fail("tasks.get", { error: "x", where: [] }),
  ],
  [
    "a body",
    TypeError,
    /^body must be JSON, not \[Function/,
    (a) => a.fail("tasks.get", { body: () => 1 }),
  ],
  [
    "a large body",
    TypeError,
    /^body is no JSON: .*BigInt/,
    (a) => a.fail("tasks.get", { body: { a: 1n } }),
  ],
  [
    "a flag",
    TypeError,
    /^optional must be a boolean, not 'no'$/,
    (a) => a.fail("tasks.get", { error: "x", optional: "no" }),
  ],
  [
    "a unit",
    TypeError,
    /^clock.advance has no option hour; it has days, hours, /,
    (a) => a.clock.advance({ hour: 1 }),
  ],
  ["hours", TypeError, /^hours must be a number, not '1'$/, (a) => a.clock.advance({ hours: "1" })],
  ["an instant", TypeError, /^instant must be a number, not '2030'$/, (a) => a.clock.at("2030")],
  ["no date", RangeError, /^instant must be finite, not NaN$/, (a) => a.clock.at(new Date("no"))],
  ["polls", RangeError, /^polls must be whole, not 0.5$/, (a) => a.pace({ polls: 0.5 })],
  ["a message", TypeError, /^message must be a string, not null$/, (a) => a.tasksFail(null)],
  ["an amount", TypeError, /^amount must be a number, not undefined$/, (a) => a.balance()],
  ["a rate", TypeError, /^rate must be a string, not 3$/, (a) => a.rateLimit(3)],
  ["a name", TypeError, /^name must be a string, not undefined$/, (a) => a.dialect()],
  ["a size", TypeError, /^size must be a number, not '1'$/, (a) => a.sizeLimit("1")],
  [
    "a count",
    RangeError,
    /^count must be whole, not 1.5$/,
    (a) => a.requests.waitFor({ count: 1.5 }),
  ],
  [
    "milliseconds",
    RangeError,
    /^timeout is in seconds, 0 to 300, not 5000$/,
    (a) => a.requests.waitFor({ timeout: 5000 }),
  ],
  [
    "a text",
    TypeError,
    /^the options of requests.waitFor must be an object, not 'x'$/,
    (a) => a.requests.waitFor("x"),
  ],
  [
    "no name",
    TypeError,
    /^filename must be given with bytes, such as "photo.png"$/,
    (a) => a.uploads.add(Buffer.of(1)),
  ],
  [
    "no bytes",
    TypeError,
    /^content must be a path, a file URL or bytes, not 1$/,
    (a) => a.uploads.add(1, "a.png"),
  ],
  ["half a pair", RangeError, /^message has half a surrogate pair$/, (a) => a.tasksFail("\ud800")],
  [
    "a label",
    RangeError,
    /^label has characters that do not print$/,
    (a) => Apimart.open(a.baseUrl, "a\nb"),
  ],
  [
    "a long label",
    RangeError,
    /^label has more than 200 characters$/,
    (a) => Apimart.open(a.baseUrl, "a".repeat(201)),
  ],
  ["a URL", TypeError, /^url must be a string, not 1$/, () => startApimart({ url: 1 as never })],
  [
    "a place",
    TypeError,
    /^startApimart has no option port; it has url$/,
    () => startApimart({ port: 1 } as never),
  ],
];

for (const [what, kind, said, call] of REFUSED) {
  test(`${what} that cannot be is refused by its name`, async ({ apimart }) => {
    const error = await call(apimart).then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(error).toBeInstanceOf(kind);
    expect(error?.message).toMatch(said);
    expect(error?.stack).not.toContain("fake-apimart/dist");
  });
}

test("a refusal of the server comes from the line of the test", async ({ apimart }) => {
  const error = await apimart.rateLimit("often").catch((reason: Error) => reason);
  expect(error).toMatchObject({ name: "ApimartError", message: expect.stringContaining("rate") });
  expect((error as Error).message).not.toContain("\n");
  expect((error as Error).stack?.split("\n")[1]).toContain("arguments.test.mts");
});
