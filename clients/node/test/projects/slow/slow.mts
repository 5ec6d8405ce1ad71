import { useApimart } from "fake-apimart";
import { test } from "vitest";

const apimart = useApimart();

test("go on for long", { timeout: 60_000 }, async () => {
  process.stdout.write(`server ${apimart.baseUrl}\n`);
  await new Promise((resolve) => setTimeout(resolve, 50_000));
});
