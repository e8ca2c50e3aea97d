import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// Where `npm run dev` finds the studio; its own pages are served from memory.
const studio = process.env.MISTUDIO_URL ?? "http://127.0.0.1:8000";

export default defineConfig({
  // Real URLs at any depth ask for the same assets, so their addresses are absolute.
  base: "/",
  plugins: [react(), tailwindcss()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir: "../src/mistudio/studio/static",
    emptyOutDir: true,
    sourcemap: false,
    target: "es2022",
    // Recharts is one lazy file, and loaded only by pages with a line chart.
    chunkSizeWarningLimit: 420,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            {
              name: "react",
              test: /node_modules\/(react|react-dom|react-router|scheduler|@tanstack|zustand)\//,
            },
          ],
        },
      },
    },
  },
  server: {
    host: "127.0.0.1",
    proxy: Object.fromEntries(["/api", "/health", "/ws"].map((path) => [path, { target: studio, ws: path === "/ws" }])),
  },
  test: {
    environment: "jsdom",
    setupFiles: ["./tests/setup.ts"],
    include: ["src/**/*.test.{ts,tsx}", "tests/*.test.ts"],
    maxWorkers: 2,
    testTimeout: 20_000,
    css: false,
  },
});
