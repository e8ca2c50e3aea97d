// The road as a user walks it, in Chromium: node road.mjs '{"address", "ui", "home", "model", "text", "doomed"}'
import { readFileSync, rmSync } from "node:fs";
import { visit } from "./visitor.mjs";

const given = JSON.parse(process.argv[2]);
const visitor = await visit(given.address, given.ui);
const { page } = visitor;
const button = (name, within = page) => within.getByRole("button", { name, exact: true });
const go = (path) => page.goto(given.address + path);
const sign = page.locator("header").getByRole("status");

const steps = {
  "Home welcomes": async () => {
    await go("/");
    await page.getByRole("heading", { name: "See what a language model is thinking of" }).waitFor();
    await visitor.look("home, empty");
    for (const path of ["/training", "/saes", "/features", "/steering", "/jobs", "/templates", "/settings"]) {
      await go(path);
      await visitor.look(`${path}, empty`);
    }
  },

  "a model is added by its path": async () => {
    await go("/");
    await page.getByRole("link", { name: "Begin with my own model and text" }).click();
    await page.getByLabel("Where the model is").fill(given.model);
    await button("Look into it").click();
    await page.getByRole("region", { name: "What it is" }).waitFor();
    await visitor.look("/models, adding");
    await button("Add it").click();
    await openFrom("Models", "tiny-llama");
    await visitor.look("a model");
  },

  "a text is added by its path": async () => {
    await chord("g", "d");
    await page.getByRole("heading", { name: "Datasets", level: 1 }).waitFor();
    await button("Add text").first().click();
    await page.getByLabel("Where the text is").fill(given.text);
    await button("Look into it").click();
    await button("Add it").waitFor();
    await visitor.look("/datasets, adding");
    await button("Add it").click();
    await openFrom("Datasets", "speeches");
    await visitor.look("a data set");
  },

  "the text is tokenized": async () => {
    await page.getByRole("tab", { name: /Tokenizations/ }).click();
    await page.getByLabel("Length of a context").fill("64");
    await button("Tokenize").click();
    await page.getByText(/contexts/).first().waitFor();
    await visitor.look("a data set, tokenized");
  },

  "a training is started": async () => {
    await go("/training/new");
    await page.getByLabel("Model", { exact: true }).selectOption({ label: "tiny-llama" });
    const text = page.getByLabel("Text", { exact: true });
    if ((await text.inputValue()) === "") await text.selectOption({ index: 1 }); // The only one is chosen already.
    await page.getByLabel("Training tokens").fill(String(given.tokens));
    await page.getByLabel("Active latents", { exact: true }).fill("4");
    await button("Start training").and(page.locator(":enabled")).waitFor();
    await visitor.look("/training/new");
    await page.getByLabel("Name", { exact: true }).fill("browsed");
    await button("Start training").click();
    await page.waitForURL(/\/training\/(?!new)/);
  },

  "it is watched live, and the API dies in the middle": async () => {
    await sign.filter({ hasText: "Live" }).waitFor();
    await page.getByRole("progressbar", { name: "Training" }).waitFor({ timeout: 180_000 });
    const before = await untilStep(200);
    await visitor.look("a training, live");
    visitor.outage = true;
    kill("api-1");
    await sign.filter({ hasText: /Polling|Offline/ }).waitFor({ timeout: 15_000 });
    await sign.filter({ hasText: "Live" }).waitFor();
    visitor.outage = false;
    const after = await untilStep(before + 200);
    const state = await page.getByText(/^(Running|Completed)$/).first().textContent();
    if (state !== "Running") throw new Error(`the training was over (${state}) before the studio was back: ${after}`);
    await page.getByText("Completed", { exact: true }).first().waitFor({ timeout: 180_000 });
    await visitor.look("a training, completed");
  },

  "features are found": async () => {
    await page.locator("main").getByRole("link", { name: "Open the SAE" }).first().click();
    await page.waitForURL(/\/saes\//);
    await visitor.look("an SAE");
    await button("Find features").first().click();
    await page.getByRole("dialog").waitFor();
    await visitor.look("an SAE, finding");
    await button("Find features", page.getByRole("dialog")).click();
    await page.getByRole("link", { name: "Browse its features" }).click({ timeout: 180_000 });
    await page.waitForURL(/\/features\/[^/]+$/);
    await page.getByRole("row").nth(3).waitFor();
    await visitor.look("the table of features");
  },

  "a feature is read and labelled": async () => {
    await page.getByRole("row").nth(1).getByRole("link").click();
    await page.waitForURL(/\/features\/[^/]+\/\d+/);
    await page.getByRole("button", { name: "Write a label" }).click();
    await page.getByLabel("Label", { exact: true }).fill("words of war");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "words of war", level: 1 }).waitFor();
    await visitor.look("a feature");
    await page.reload();
    await page.getByRole("heading", { name: "words of war", level: 1 }).waitFor();
  },

  "the model is steered with it": async () => {
    await page.getByRole("link", { name: "Steer with this" }).click();
    await page.getByRole("textbox", { name: "Text to continue" }).fill("Four score and seven years ago");
    await button("Generate").and(page.locator(":enabled")).click();
    await button("Stop").waitFor({ state: "detached" });
    await page.getByText(/tokens in .* for both texts together/).waitFor();
    for (const name of ["As it is", "Steered"]) {
      const text = await page.getByRole("region", { name, exact: true }).locator("p").textContent();
      if (text.length <= "Four score and seven years ago".length) throw new Error(`“${name}” wrote nothing`);
    }
    await visitor.look("steering");
  },

  "a job that fails says why, and is not green": async () => {
    await go("/models?add=1");
    await page.getByLabel("Where the model is").fill(given.doomed);
    await button("Look into it").click();
    await page.getByRole("region", { name: "What it is" }).waitFor();
    rmSync(`${given.doomed}/model.safetensors`);
    await button("Add it").click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await go("/jobs");
    await page.getByRole("row").filter({ hasText: "Failed" }).getByRole("link").first().click({ timeout: 180_000 });
    const reason = page.getByRole("alert").locator("p");
    await reason.nth(1).waitFor();
    const words = await reason.allTextContents();
    if (words.length !== 2 || words.some((text) => text.length < 10)) throw new Error(`it says only: ${words}`);
    await page.getByText("Failed", { exact: true }).first().waitFor();
    if (await page.getByText("Completed", { exact: true }).count()) throw new Error("it is called completed");
    await visitor.look("a failed job");
    await go("/jobs");
    await visitor.look("/jobs");
  },

  "everything is reached with the keyboard": async () => {
    await go("/");
    await page.locator("h1").first().waitFor();
    await palette();
    await page.keyboard.type("sys");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/system");
    await visitor.look("/system");
    await chord("g", "f");
    await page.waitForURL(/\/features/);
    // The only set of features is shown at once.
    await page.getByRole("heading", { name: "browsed", level: 1 }).waitFor();
    await tabTo('[role=row][tabindex="0"]');
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/features\/[^/]+\/\d+/);
    const first = page.url();
    await page.getByRole("button", { name: "Next in the table" }).waitFor();
    await page.keyboard.press("Shift+J");
    await page.waitForURL((url) => url.href !== first);
    await page.getByText(`Latent ${new URL(page.url()).pathname.split("/").at(-1)}`).first().waitFor();
    await page.keyboard.press("s");
    await page.getByRole("button", { name: "Take the star off" }).waitFor();
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    await visitor.look("the shortcuts");
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await palette();
    await page.keyboard.type("browsed");
    await page.getByRole("option").filter({ hasText: "browsed" }).first().waitFor();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: /browsed/, level: 1 }).waitFor();
    await go("/");
    await visitor.look("home");
  },
};

/** Wait for a row of a table that events bring, and open it. */
async function openFrom(title, name) {
  await page.getByRole("heading", { name: title, level: 1 }).waitFor();
  await page.getByRole("grid").getByRole("link", { name }).first().click({ timeout: 180_000 });
  await page.getByRole("heading", { name, level: 1 }).waitFor();
}

/** Wait until the curve of the loss has come to a step; the step it is at. */
async function untilStep(step) {
  const words = page.locator("figure", { hasText: "Loss: mean squared error" }).locator("p.sr-only");
  const at = async () => Number((await words.textContent())?.match(/to \S+ at Step ([\d,\u202f\u00a0 ]+);/)?.[1]?.replace(/\D/g, "") ?? 0);
  for (const end = Date.now() + 60_000; Date.now() < end; await page.waitForTimeout(100))
    if ((await at()) >= step) return at();
  throw new Error(`the curve did not come to step ${step}: ${await words.textContent()}`);
}

/** Open the palette, and wait until one can write there: it is loaded when it is first opened. */
async function palette() {
  await page.keyboard.press("Control+k");
  await page.waitForFunction(() => document.activeElement?.getAttribute("role") === "combobox");
}

/** Press keys right after each other, however slow the machine is just now. */
async function chord(...keys) {
  await Promise.all(keys.map((key) => page.keyboard.press(key)));
}

/** Press Tab until what is wanted has the focus. */
async function tabTo(selector) {
  await page.locator(selector).first().waitFor();
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
  }
  throw new Error(`Tab never comes to ${selector}`);
}

/** kill -9 of one of the studio's processes. */
function kill(name) {
  const state = JSON.parse(readFileSync(`${given.home}/studio/run/state.json`, "utf8"));
  process.kill(state.processes.find((each) => each.name === name).identity.pid, "SIGKILL");
}

const result = { done: [], failed: null, faults: visitor.faults, seen: visitor.seen };
for (const [name, walk] of Object.entries(steps)) {
  try {
    await walk();
    result.done.push(name);
  } catch (error) {
    result.failed = { step: name, at: page.url(), error: error.message };
    if (given.picture) await page.screenshot({ path: given.picture });
    break;
  }
}
await visitor.browser.close();
console.log(JSON.stringify(result));
