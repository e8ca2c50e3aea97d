import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync("src/app/theme.css", "utf8");

/** The tokens of a theme, as theme.css has them. */
function tokens(theme: "dark" | "light"): Record<string, string> {
  const block = new RegExp(`\\[data-theme="${theme}"\\] \\{([^}]*)\\}`).exec(css)?.[1] ?? "";
  return Object.fromEntries([...block.matchAll(/--([\w-]+): ([^;]+);/g)].map(([, name, value]) => [name!, value!]));
}

type Rgb = readonly [number, number, number];

function rgb(hex: string): Rgb {
  const value = Number.parseInt(hex.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

/** Relative luminance (WCAG 2). */
function luminance(color: Rgb): number {
  const [red, green, blue] = color.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: Rgb, other: Rgb): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

function mixed(color: Rgb, ground: Rgb, share: number): Rgb {
  return color.map((channel, place) => channel * share + ground[place]! * (1 - share)) as unknown as Rgb;
}

const grounds = ["page", "surface", "raised", "sunken", "field", "quiet-soft"];
const inks = ["ink", "ink-2", "ink-3"];
const tones = ["accent", "danger", "warn", "info", "violet"];
const pairs = [
  ...inks.flatMap((ink) => grounds.map((ground) => [ink, ground] as const)),
  ...tones.flatMap((tone) =>
    ["page", "surface", "raised", "sunken", `${tone}-soft`].map((ground) => [tone, ground] as const),
  ),
  ...tones.flatMap((tone) => ["ink", "ink-2"].map((ink) => [ink, `${tone}-soft`] as const)),
  ["ink-3", "accent-soft"],
  ["on-accent", "accent-fill"],
  ["on-accent", "accent-fill-hover"],
  ["on-danger", "danger-fill"],
] as const;

describe.each(["dark", "light"] as const)("the %s theme", (theme) => {
  const token = tokens(theme);

  it.each(pairs)("shows %s on %s with a contrast of at least 4.5", (ink, ground) => {
    expect(contrast(rgb(token[ink]!), rgb(token[ground]!))).toBeGreaterThanOrEqual(4.5);
  });

  it.each(["heat", "cold"])("keeps a token readable under the strongest %s", (hue) => {
    const most = Number.parseFloat(token["heat-most"]!) / 100;
    for (const ground of ["surface", "sunken", "raised"]) {
      const under = mixed(rgb(token[hue]!), rgb(token[ground]!), most);
      expect(contrast(rgb(token.ink!), under)).toBeGreaterThanOrEqual(4.5);
    }
  });

  it("draws lines, control borders and the focus ring so that they are seen (3 : 1)", () => {
    for (const ground of ["page", "surface"]) {
      for (let place = 1; place <= 6; place += 1)
        expect(contrast(rgb(token[`series-${place}`]!), rgb(token[ground]!))).toBeGreaterThanOrEqual(3);
      for (const name of ["accent-fill", "line-strong"])
        expect(contrast(rgb(token[name]!), rgb(token[ground]!))).toBeGreaterThanOrEqual(3);
    }
  });
});

it("has no light ground in the dark theme", () => {
  const dark = tokens("dark");
  const light = Object.entries(dark).filter(
    ([name, value]) => /^(page|surface|raised|sunken|field|.*-soft|veil)$/.test(name) && luminance(rgb(value)) > 0.1,
  );
  expect(light).toEqual([]);
});

it("defines the same tokens in both themes", () => {
  expect(Object.keys(tokens("light")).sort()).toEqual(Object.keys(tokens("dark")).sort());
});
