import { readFileSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";
import { inject } from "vitest";

export type Theme = "dark" | "light";

let browser: Browser | undefined;

export async function closeBrowser(): Promise<void> {
  await browser?.close();
  browser = undefined;
}

/** A page of the studio, and all that went wrong on it but for the API, which is not there. */
export async function open(route: string, { theme = "dark", width = 1440, height = 900 } = {}) {
  browser ??= await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox"],
  });
  const page = await browser.newPage({ viewport: { width, height }, reducedMotion: "reduce" });
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" && !/Failed to load resource|WebSocket connection/.test(text)) faults.push(text);
  });
  await page.addInitScript((choice) => localStorage.setItem("mistudio.theme", choice), theme);
  await page.goto(inject("address") + route);
  await page.locator("h1").first().waitFor();
  return { page, faults };
}

const axe = readFileSync("node_modules/axe-core/axe.min.js", "utf8");

/** All that axe finds, contrast too. */
export async function faultsOfAxe(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { violations } = await (window as unknown as { axe: typeof import("axe-core") }).axe.run();
    return violations.map(({ id, help, nodes }) => {
      const first = nodes.slice(0, 4).map((node) => `${node.html.slice(0, 160)} ${node.any[0]?.message ?? ""}`);
      return `${id}: ${help} (${nodes.length}): ${first.join(" | ")}`;
    });
  });
}
