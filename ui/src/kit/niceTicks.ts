/** Round numbers (1, 2, 5 × 10ⁿ apart) from at or below `low` to at or above `high`, about `wanted` of them. */
export function niceTicks(low: number, high: number, wanted = 5): number[] {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
  if (low === high) {
    // Counts and shares that stay 0 stand on the axis.
    if (low === 0) return niceTicks(0, 1, wanted);
    const margin = Math.abs(low) / 2;
    return niceTicks(low - margin, high + margin, wanted);
  }
  const rough = (high - low) / Math.max(1, wanted - 1);
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = size * ([1, 2, 5, 10].find((factor) => factor * size >= rough * 0.999) ?? 10);
  const [first, last] = [Math.floor(low / step + 1e-9), Math.ceil(high / step - 1e-9)];
  return Array.from({ length: last - first + 1 }, (_, place) => Number(((first + place) * step).toPrecision(12)));
}

/** Powers of ten around what is drawn. */
export function logTicks(low: number, high: number): number[] {
  if (!(low > 0) || !(high > 0)) return [0.1, 1];
  const first = Math.floor(Math.log10(low) + 1e-9);
  const last = Math.max(first + 1, Math.ceil(Math.log10(high) - 1e-9));
  const stride = Math.ceil((last - first) / 6);
  return Array.from({ length: Math.floor((last - first) / stride) + 1 }, (_, place) => 10 ** (first + place * stride));
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400];

/** Round times between two, in seconds since 1970; at most about seven. */
export function timeTicks(from: number, to: number): number[] {
  const step = STEPS.find((each) => (to - from) / each <= 6) ?? Math.ceil((to - from) / 6 / 86_400) * 86_400;
  const first = Math.ceil(from / step);
  return Array.from({ length: Math.max(0, Math.floor(to / step) - first + 1) }, (_, place) => (first + place) * step);
}
