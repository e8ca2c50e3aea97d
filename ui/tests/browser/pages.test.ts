import { afterAll, expect, it } from "vitest";
import { closeBrowser, faultsOfAxe, open } from "./browser";

afterAll(closeBrowser);

const routes = [
  "/",
  "/datasets",
  "/datasets/d1",
  "/models",
  "/models/m1",
  "/training",
  "/training/new",
  "/training/t1",
  "/saes",
  "/saes/s1",
  "/features",
  "/features/f1",
  "/features/f1/12",
  "/steering",
  "/jobs",
  "/jobs/j1",
  "/system",
  "/templates",
  "/settings",
  "/nothing/here",
];

it.each(routes)("%s opens by its address, also while the studio does not answer, and says so", async (route) => {
  const { page, faults } = await open(route);
  expect(await page.title()).toMatch(/ · miStudio$/);
  expect(await page.getByRole("heading", { level: 1 }).count()).toBe(1);
  expect(await faultsOfAxe(page)).toEqual([]);
  const [content, view] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  expect(content).toBeLessThanOrEqual(view);
  expect(faults).toEqual([]);
  await page.close();
});
