import { useApimart } from "fake-apimart/vitest";
import { expect, test } from "vitest";

const apimart = useApimart();

for (const name of ["one", "two"]) {
  test.concurrent(`${name} cannot know which world is its own`, async () => {
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(() => apimart.apiKey).toThrow(
      /tests run at the same time .* `test` from "fake-apimart.vitest"/,
    );
  });
}
