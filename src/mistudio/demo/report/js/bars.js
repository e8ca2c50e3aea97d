// Histograms. Counts of latents and tokens span decades, so heights are logarithmic where `log` is set, and say so.

const barHeight = (count, most, log) =>
  count === 0 ? 0 : log ? Math.log(1 + count) / Math.log(1 + most) : count / most;

// A histogram with axes: `bars` are {count, tip, kind?}; `ticks` are {at: place in bars, from 0 to bars.length, text}.
function histogram(host, { bars, ticks, label, log = false, height = 170, shape = "" }) {
  const most = Math.max(1, ...bars.map((bar) => bar.count));
  const levels = log ? logTicks(1, most) : niceTicks(0, most, 4).filter(Number.isInteger);
  return responsive(host, (width) => {
    const left = 46,
      right = width - 4,
      top = 10,
      bottom = height - 26;
    const step = (right - left) / bars.length,
      gap = Math.min(3, step * 0.2);
    const rise = (count) => barHeight(count, most, log) * (bottom - top);
    return s(
      "svg",
      {
        class: `bars ${shape}`,
        width,
        height,
        viewBox: `0 0 ${width} ${height}`,
        role: "img",
        "aria-label": label,
      },
      levels.map((level) => [
        s("line", { class: "grid", x1: left, x2: right, y1: bottom - rise(level), y2: bottom - rise(level) }),
        s("text", { x: left - 8, y: bottom - rise(level) + 4, "text-anchor": "end" }, compact(level)),
      ]),
      bars.map((bar, i) => {
        const tall = bar.count ? Math.max(2, rise(bar.count)) : 0;
        return [
          s("rect", {
            class: bar.kind ?? "bar",
            x: left + i * step + gap / 2,
            width: Math.max(1, step - gap),
            y: bottom - tall,
            height: tall,
            rx: Math.min(2, step / 4),
          }),
          s("rect", {
            class: "catch",
            x: left + i * step,
            width: step,
            y: top,
            height: bottom - top,
            "data-tip": bar.tip,
          }),
        ];
      }),
      ticks.map((tick) => s("text", { x: left + tick.at * step, y: bottom + 18, "text-anchor": "middle" }, tick.text)),
      s("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }),
    );
  });
}

// The shape of a histogram in the size of a word; heights are logarithmic.
function sparkline(counts) {
  const width = 84,
    height = 26,
    most = Math.max(1, ...counts);
  if (counts.length === 0) return h("span", { class: "quiet" }, DASH);
  const step = width / counts.length;
  const path = counts.map((count, i) => {
    const rise = barHeight(count, most, true) * height;
    return rise
      ? `M${(i * step).toFixed(1)} ${height}v${(-rise).toFixed(1)}h${Math.max(1, step - 1).toFixed(1)}v${rise.toFixed(1)}z`
      : "";
  });
  return s(
    "svg",
    { class: "spark", width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    s("path", { d: path.join("") }),
  );
}
