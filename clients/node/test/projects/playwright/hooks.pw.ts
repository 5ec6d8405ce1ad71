import { expect, test } from "@playwright/test";
import { useApimart } from "fake-apimart";

const apimart = useApimart();

test("hooks open a world", async () => {
  console.log(`server ${apimart.baseUrl}`);
  console.log(`label ${apimart.label}`);
  expect(await apimart.requests.list()).toEqual([]);
});

test("hooks find a rule that nobody met", async () => {
  await apimart.fail("models.list", { error: "rate_limited" });
});
