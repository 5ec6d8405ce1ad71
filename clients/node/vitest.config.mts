import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/*.test.mts"],
    globalSetup: "test/setup.mts",
    // Most wait for other processes.
    maxWorkers: 3,
    // Some start a runner, which starts a server.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
