// Pictures of pages, in both themes, wide and narrow:
//   npm run pictures -- --base http://127.0.0.1:5173 --out pictures [--theme dark] [--width 1440] [--full] / /jobs /__kit
import { mkdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    base: { type: "string", default: "http://127.0.0.1:5173" },
    out: { type: "string", default: "pictures" },
    theme: { type: "string", multiple: true, default: ["dark", "light"] },
    width: { type: "string", multiple: true, default: ["1440", "420"] },
    height: { type: "string", default: "900" },
    full: { type: "boolean", default: false },
    settle: { type: "string", default: "700" },
  },
});

mkdirSync(values.out, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--force-color-profile=srgb"],
});
for (const theme of values.theme) {
  for (const width of values.width) {
    const page = await browser.newPage({
      viewport: { width: Number(width), height: Number(values.height) },
      reducedMotion: "reduce",
    });
    await page.addInitScript((choice) => localStorage.setItem("mistudio.theme", choice), theme);
    page.on("pageerror", (error) => console.error(`${page.url()}: ${error.message}`));
    for (const route of positionals.length > 0 ? positionals : ["/"]) {
      await page.goto(values.base + route, { waitUntil: "load" });
      await page.locator("h1").first().waitFor();
      await page.waitForTimeout(Number(values.settle));
      const name = route === "/" ? "home" : route.replace(/^\//, "").replaceAll(/[^\w]+/g, "-");
      await page.screenshot({ path: `${values.out}/${name}-${theme}-${width}.png`, fullPage: values.full });
    }
    await page.close();
  }
}
await browser.close();
