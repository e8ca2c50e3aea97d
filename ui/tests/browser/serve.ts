import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, preview } from "vite";
import type { TestProject } from "vitest/node";

/** What the studio sends with its pages: src/mistudio/studio/http. */
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; " +
  "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'";

/** Builds the pages into a folder of their own, and serves them as the studio does. */
export default async function serve(project: TestProject) {
  const outDir = mkdtempSync(join(tmpdir(), "mistudio-ui-"));
  // Vitest says "test", and React would be built for developers.
  process.env.NODE_ENV = "production";
  await build({ build: { outDir, emptyOutDir: true }, logLevel: "warn" });
  const server = await preview({
    build: { outDir },
    preview: { port: 0, host: "127.0.0.1", headers: { "Content-Security-Policy": CSP }, proxy: {} },
    logLevel: "warn",
  });
  project.provide("address", (server.resolvedUrls?.local[0] ?? "").replace(/\/$/, ""));
  return async () => {
    await server.close();
    rmSync(outDir, { recursive: true });
  };
}

declare module "vitest" {
  export interface ProvidedContext {
    address: string;
  }
}
