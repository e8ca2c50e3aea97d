import { afterAll, describe, expect, it } from "vitest";
import { closeBrowser, faultsOfAxe, open, type Theme } from "./browser";

afterAll(closeBrowser);

describe.each(["dark", "light"] as const)("the kit in the %s theme", (theme: Theme) => {
  it.each([1440, 420])("has no fault that axe finds at %i px, and does not scroll sideways", async (width) => {
    const { page, faults } = await open("/__kit", { theme, width });
    await page.locator(".recharts-line").first().waitFor();
    expect(await faultsOfAxe(page)).toEqual([]);
    const [content, view] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    expect(content).toBeLessThanOrEqual(view);
    expect(faults).toEqual([]);
    await page.close();
  });
});

it("has no white box in the dark theme", async () => {
  const { page } = await open("/__kit");
  const white = await page.evaluate(() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true })!;
    return [...document.querySelectorAll("body *")].flatMap((element) => {
      const ground = getComputedStyle(element).backgroundColor;
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = ground;
      canvas.fillRect(0, 0, 1, 1);
      const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
      const light = (0.2126 * red! + 0.7152 * green! + 0.0722 * blue!) / 255;
      const { width, height } = element.getBoundingClientRect();
      return light > 0.8 && alpha! > 40 && width * height > 16 ? [`${element.outerHTML.slice(0, 120)} ${ground}`] : [];
    });
  });
  expect(white).toEqual([]);
  await page.close();
});

describe("a table of a million rows", () => {
  it("reaches its last row by keyboard, and every row by the wheel", async () => {
    const { page } = await open("/__kit", { height: 1400 });
    const grid = page.getByRole("grid", { name: "Features" });
    await grid.getByRole("row").nth(1).focus();
    await page.keyboard.press("End");
    await page.getByText("#999999").waitFor();
    expect(await page.evaluate(() => document.activeElement?.getAttribute("aria-rowindex"))).toBe("1000001");
    await page.keyboard.press("Home");
    await page.getByText("#0", { exact: true }).waitFor();
    await grid.hover();
    // The first notches of the wheel: no row is passed over.
    const seen = async () => {
      const box = await grid.boundingBox();
      const rows = await grid.locator("[data-index]").all();
      const at = await Promise.all(
        rows.map(async (row) => [await row.getAttribute("data-index"), (await row.boundingBox())?.y]),
      );
      return at.filter(([, y]) => Number(y) > box!.y + 30 && Number(y) < box!.y + 300).map(([index]) => Number(index));
    };
    let top = Math.min(...(await seen()));
    for (let notch = 0; notch < 5; notch += 1) {
      await page.mouse.wheel(0, 100);
      await page.waitForTimeout(60);
      const next = Math.min(...(await seen()));
      expect(next - top).toBeLessThanOrEqual(4);
      top = next;
    }
    expect(top).toBeGreaterThan(5);
    await page.close();
  });

  it("draws few rows, and each once, while it is scrolled", async () => {
    const { page } = await open("/__kit", { height: 1400 });
    await page.getByRole("tab", { name: "Tables" }).click();
    const grid = page.getByRole("grid", { name: "Features" });
    // What loading has left to do is not the table's.
    await page.waitForTimeout(1500);
    const { most, drawn } = await grid.evaluate(async (element) => {
      let rows = 0;
      const added: Node[] = [];
      const observer = new MutationObserver((changes) => {
        for (const change of changes) added.push(...change.addedNodes);
      });
      observer.observe(element, { childList: true, subtree: true });
      for (let frame = 0; frame < 100; frame += 1) {
        element.scrollTop += 90;
        await new Promise(requestAnimationFrame);
        rows = Math.max(rows, element.querySelectorAll("[role=row]").length);
      }
      observer.disconnect();
      return { most: rows, drawn: added.length };
    });
    expect(most).toBeLessThan(50);
    // What a frame costs is what it draws anew: the rows that come into sight, and no others.
    expect(drawn / 100).toBeLessThan(6);
    await page.close();
  });
});

it("opens the palette, walks it and closes it by keyboard, and gives the focus back", async () => {
  const { page, faults } = await open("/__kit");
  await page.getByRole("button", { name: "Start training" }).focus();
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Search and commands" }).waitFor();
  expect(await faultsOfAxe(page)).toEqual([]);
  await page.keyboard.press("Escape");
  await page.getByRole("combobox", { name: "Search and commands" }).waitFor({ state: "detached" });
  expect(await page.evaluate(() => document.activeElement?.textContent)).toContain("Start training");
  expect(faults).toEqual([]);
  await page.close();
});
