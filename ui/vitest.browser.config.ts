import { defineConfig } from "vitest/config";

// The built pages in a real browser, without a studio behind them: `npm run browser`.
export default defineConfig({
  test: {
    include: ["tests/browser/**/*.test.ts"],
    globalSetup: ["./tests/browser/serve.ts"],
    environment: "node",
    maxWorkers: 1,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
