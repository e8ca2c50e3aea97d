// What the shell's first load costs, compressed; fails above the budget.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET_KB = 350;
const root = new URL("../../src/mistudio/studio/static/", import.meta.url);
const html = readFileSync(new URL("index.html", root), "utf8");
const first = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)].map((match) => match[1]);
const size = (name) => gzipSync(readFileSync(new URL(name, root))).length / 1000;
const shell = first.reduce((sum, name) => sum + size(name), 0);
const all = readdirSync(new URL("assets/", root)).filter((name) => name.endsWith(".js"));
const largest = all
  .filter((name) => !first.includes(`assets/${name}`))
  .map((name) => [name, size(`assets/${name}`)])
  .sort((a, b) => b[1] - a[1])[0];

console.log(`The shell's JavaScript: ${shell.toFixed(1)} kB compressed, of ${BUDGET_KB} kB allowed.`);
if (largest) console.log(`The largest part that is loaded later: ${largest[0]}, ${largest[1].toFixed(1)} kB.`);
if (shell > BUDGET_KB) process.exit(1);
