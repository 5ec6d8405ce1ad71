import { test } from "node:test";

import { useApimart } from "fake-apimart/node";

const apimart = useApimart();

test("the server ends", async () => {
  const health = async () => (await fetch(`${apimart.baseUrl}/_fake/health`)).ok;
  while (await health().catch(() => false))
    await new Promise((resolve) => setTimeout(resolve, 100));
});

test("the next test says how", () => undefined);
