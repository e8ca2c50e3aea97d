import { describe, expect, it } from "vitest";
import * as format from "./format";

describe("numbers", () => {
  it.each([
    [0, "0"],
    [0.08312, "0.0831"],
    [32, "32"],
    [1234, "1,234"],
    [1234567, "1,234,567"],
    [1234.56, "1,230"],
    [-0.5, "−0.5"],
    [0.00003, "3.00e-5"],
    [1e-8, "1.00e-8"],
    [Number.NaN, "—"],
    [null, "—"],
    [undefined, "—"],
    [Infinity, "∞"],
  ])("writes %s as %s", (value, text) => {
    expect(format.number(value)).toBe(text);
  });

  it.each([
    [950, "950"],
    [41_300, "41.3k"],
    [1_990, "1.99k"],
    [2_000_000, "2M"],
  ])("writes %s shortly as %s", (value, text) => {
    expect(format.short(value)).toBe(text);
  });

  it("keeps the size of a tiny share", () => {
    expect(format.percent(0.000042)).toBe("0.0042 %");
    expect(format.percent(0.123)).toBe("12.3 %");
    expect(format.percent(null)).toBe("—");
  });
});

it.each([
  [0, "0 B"],
  [1023, "1,023 B"],
  [1536, "1.5 KiB"],
  [9.77e9, "9.1 GiB"],
  [null, "—"],
])("writes %s bytes as %s", (value, text) => {
  expect(format.bytes(value)).toBe(text);
});

it("writes bytes in the unit of what they are compared with", () => {
  expect(format.bytes(40 * 2 ** 40, 23 * 2 ** 30)).toBe("40,960 GiB");
});

it.each([
  [0, "0 s"],
  [0.85, "850 ms"],
  [4.21, "4.2 s"],
  [18.4, "18 s"],
  [59.7, "1 min"],
  [200, "3 min 20 s"],
  [7500, "2 h 05 min"],
  [273_600, "3 d 4 h"],
  [null, "—"],
  [Infinity, "—"],
])("writes %s seconds as %s", (value, text) => {
  expect(format.duration(value)).toBe(text);
});

it("says how long ago something was, and after a week when", () => {
  const now = Date.parse("2026-03-10T12:00:00Z");
  expect(format.ago("2026-03-10T11:59:57Z", now)).toBe("just now");
  expect(format.ago("2026-03-10T11:57:00Z", now)).toBe("3 minutes ago");
  expect(format.ago("2026-03-09T12:00:00Z", now)).toBe("yesterday");
  expect(format.ago("2026-01-01T12:00:00Z", now)).toBe("Jan 1, 2026");
});

it("counts one thing and several", () => {
  expect(format.plural(1, "token")).toBe("1 token");
  expect(format.plural(2500, "token")).toBe("2,500 tokens");
  expect(format.words("warmup_steps")).toBe("Warmup steps");
});
