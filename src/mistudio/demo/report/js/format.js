// Numbers and tokens as people read them. A unit never breaks away from its number.

const DASH = "–";
const NB = "\u00a0";
const known = (value) => typeof value === "number" && Number.isFinite(value);

function digits(value, significant = 4) {
  if (!known(value)) return DASH;
  const size = Math.abs(value);
  if (size >= 10 ** (significant - 1)) return Math.round(value).toLocaleString("en-US");
  if (size !== 0 && size < 1e-4) return scientific(value);
  return String(Number(value.toPrecision(significant))).replace("-", "−");
}

function scientific(value) {
  const [mantissa, power] = value.toExponential(1).split("e");
  return `${mantissa.replace(".0", "").replace("-", "−")}·10${superscript(Number(power))}`;
}

const superscript = (power) => String(power).replace(/[-0-9]/g, (c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]));
const whole = (value) => (known(value) ? Math.round(value).toLocaleString("en-US") : DASH);

// 1234567 → "1.23 M"
function compact(value) {
  if (!known(value)) return DASH;
  for (const [size, letter] of [
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ]) {
    if (Math.abs(value) >= size) return `${Number((value / size).toPrecision(3))}${NB}${letter}`;
  }
  return digits(value, 3);
}

const percent = (share) => (known(share) ? `${digits(share * 100, 3)}${NB}%` : DASH);
const oneIn = (share) =>
  share > 0 ? `1 in ${share > 0.1 ? digits(1 / share, 2) : compact(Math.round(1 / share))} tokens` : "never";
const withUnit = (value, unit) => (unit === "share" ? percent(value) : digits(value));

function duration(seconds) {
  if (seconds < 0.95) return `${digits(seconds, 2)}${NB}s`;
  if (seconds < 100) return `${Number(seconds.toFixed(seconds < 10 ? 1 : 0))}${NB}s`;
  const rounded = Math.round(seconds);
  return `${Math.floor(rounded / 60)}${NB}min${NB}${String(rounded % 60).padStart(2, "0")}${NB}s`;
}

// Line ends, tabs and other control characters as visible signs; spaces stay spaces.
function visible(text) {
  return text.replace(/\r\n|[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, (c) => {
    if (c === "\r\n" || c === "\n" || c === "\u2028" || c === "\u2029") return "⏎";
    if (c === "\t") return "⇥";
    if (c < " ") return String.fromCharCode(0x2400 + c.charCodeAt(0));
    return `⟨${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });
}
