import { defineConfig } from "vitest/config";

export default defineConfig({ test: { include: ["*.mts"], exclude: ["*.config.mts"] } });
