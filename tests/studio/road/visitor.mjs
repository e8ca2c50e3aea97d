// A page of a browser that remembers everything that is wrong with what it is shown.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

/** Open a browser at the studio's address. `ui` is the folder whose node_modules hold Playwright and axe. */
export async function visit(address, ui, { theme = "dark" } = {}) {
  const require = createRequire(`${ui}/package.json`);
  const { chromium } = require("playwright-core");
  const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox"],
  });
  // The studio's CSP lets no script in; axe is put in by the debugger, which it does not bind.
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce" });
  page.setDefaultTimeout(60_000);
  await page.addInitScript((choice) => localStorage.setItem("mistudio.theme", choice), theme);
  const visitor = { page, browser, faults: [], seen: [], outage: false };

  const host = new URL(address).host;
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (/^(https?|wss?):$/.test(url.protocol) && url.host !== host)
      visitor.faults.push(`${where(page)} asks ${url.host} for something`);
  });
  page.on("pageerror", (error) => visitor.faults.push(`${where(page)}: ${error.message}`));
  page.on("console", (message) => {
    const broken = /Failed to load resource|WebSocket connection/.test(message.text());
    if (message.type() === "error" && !(visitor.outage && broken))
      visitor.faults.push(`${where(page)}: console: ${message.text()} ${message.location().url}`);
  });

  /** Look at what is shown: nothing that axe calls serious or critical. */
  visitor.look = async (name) => {
    await page.locator("h1").first().waitFor();
    await page.waitForFunction(() => document.querySelector("main [aria-busy=true][aria-label='Loading']") === null);
    await page.evaluate(axe);
    const found = await page.evaluate(async () => {
      const { violations } = await globalThis.axe.run();
      return violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map(({ html, any }) => `${html.slice(0, 200)} ${any[0]?.message ?? ""}`).join(" | ")}`);
    });
    visitor.faults.push(...found.map((fault) => `${name}: ${fault}`));
    visitor.seen.push(name);
  };
  return visitor;
}

function where(page) {
  return new URL(page.url()).pathname;
}
