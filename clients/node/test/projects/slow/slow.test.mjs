import { test } from "node:test";

import { useApimart } from "fake-apimart";

const apimart = useApimart();

test("go on for long", async () => {
  console.log(`server ${apimart.baseUrl}`);
  await new Promise((resolve) => setTimeout(resolve, 50_000));
});
