const { useApimart } = require("fake-apimart/jest");

const apimart = useApimart();

test("another file has the same server", async () => {
  process.stdout.write(`server ${apimart.baseUrl}\nlabel ${apimart.label}\n`);
  expect(await apimart.requests.list()).toEqual([]);
});
