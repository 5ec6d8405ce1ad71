import { defineConfig } from "@playwright/test";

export default defineConfig({
  testMatch: "*.pw.ts",
  workers: 2,
  fullyParallel: true,
  reporter: "list",
});
