/** How numbers, sizes and times are written. One place, so that one quantity never has two faces. */

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 });

/** `1,234,567`. */
export function count(value: number): string {
  return whole.format(value);
}

/** `12.3k`, `1.23M`: for places too narrow for `count`. */
export function short(value: number): string {
  return Math.abs(value) < 1000 ? number(value) : minus(compact.format(value).replace("K", "k"));
}

/** Three significant digits by default; powers of ten only where they are needed. Nothing is written as `—`. */
export function number(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "—";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e15 || size < 1e-4) return minus(value.toExponential(digits - 1).replace("e+", "e"));
  if (Number.isInteger(value) && size >= 10 ** digits) return minus(whole.format(value));
  return minus(new Intl.NumberFormat("en-US", { maximumSignificantDigits: digits }).format(value));
}

/** A share of 1 as percent: `12.3 %`; tiny shares keep their size: `0.0042 %`. */
export function percent(share: number | null | undefined, digits = 3): string {
  if (share === null || share === undefined || Number.isNaN(share)) return "—";
  return `${number(share * 100, digits)} %`;
}

/** Bytes in binary units: `1.5 GiB`; in the unit of another size where the two are compared. */
export function bytes(value: number | null | undefined, beside?: number | null): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "—";
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let size = Math.abs(beside ?? value);
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${number(value / 1024 ** unit)} ${units[unit] ?? "B"}`;
}

/** Seconds as a person says them: `850 ms`, `42 s`, `3 min 20 s`, `2 h 05 min`, `4 d 3 h`. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "—";
  if (seconds < 0) return minus(`-${duration(-seconds)}`);
  if (seconds < 0.9995) return seconds === 0 ? "0 s" : `${number(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${number(seconds, 2)} s`;
  const total = Math.round(seconds);
  if (total < 60) return `${total} s`;
  if (total < 3600) return total % 60 ? `${Math.floor(total / 60)} min ${total % 60} s` : `${total / 60} min`;
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor((total % 3600) / 60);
  if (hours < 48) return minutes ? `${hours} h ${String(minutes).padStart(2, "0")} min` : `${hours} h`;
  return hours % 24 ? `${Math.floor(hours / 24)} d ${hours % 24} h` : `${hours / 24} d`;
}

/** Units a second: `1.2k tokens/s`. */
export function rate(value: number | null | undefined, unit: string): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "—";
  return `${short(value)} ${unit}/s`;
}

/** `just now`, `3 minutes ago`, `in 2 hours`, and after a week the date. */
export function ago(then: Date | string, now: number): string {
  const at = new Date(then).getTime();
  const seconds = (at - now) / 1000;
  const size = Math.abs(seconds);
  if (size < 10) return "just now";
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  if (size < 60) return words.format(Math.round(seconds), "second");
  if (size < 3600) return words.format(Math.round(seconds / 60), "minute");
  if (size < 86400) return words.format(Math.round(seconds / 3600), "hour");
  if (size < 7 * 86400) return words.format(Math.round(seconds / 86400), "day");
  return new Date(at).toLocaleDateString("en", { year: "numeric", month: "short", day: "numeric" });
}

/** The whole date and time, for a tooltip. */
export function dateTime(then: Date | string): string {
  return new Date(then).toLocaleString("en", { dateStyle: "medium", timeStyle: "medium" });
}

/** The time of day of seconds since 1970: `16:17:30`, or `16:17`. */
export function clock(seconds: number, exact = true): string {
  const at = new Date(seconds * 1000);
  return at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: exact ? "2-digit" : undefined });
}

/** `1 token`, `2 tokens`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** `learning_rate` → `Learning rate`. */
export function words(name: string): string {
  const text = name.replaceAll("_", " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function minus(text: string): string {
  return text.replace("-", "−").replace("e−", "e-");
}
