// Line charts against tokens. All of them share one crosshair, moved by pointer or by arrow keys.

const lineCharts = [];
const CHART_HEIGHT = 190;

function niceTicks(low, high, wanted) {
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++)
    ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

function logTicks(low, high) {
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    for (const digit of [1, 2, 5]) ticks.push(Number((digit * 10 ** power).toPrecision(3)));
  }
  const inside = ticks.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
  return inside.length > 6 ? inside.filter((tick) => /^[01.]*$|e/.test(String(tick))) : inside;
}

// A scale from values to pixels; the linear one begins at zero.
function verticalScale(values, bottom, top, log) {
  const least = Math.min(...values),
    most = Math.max(...values);
  if (log) {
    const low = Math.log(least * 0.9),
      span = Math.log(most * 1.05) - low;
    return {
      ticks: logTicks(least * 0.9, most * 1.05),
      y: (v) => bottom - ((Math.log(v) - low) / span) * (bottom - top),
    };
  }
  const low = Math.min(0, least),
    high = most > low ? low + (most - low) * 1.1 : low + 1;
  return { ticks: niceTicks(low, high, 4), y: (v) => bottom - ((v - low) / (high - low)) * (bottom - top) };
}

// A card with one series. `log` asks for a logarithmic scale where values are positive and span more than a factor of four.
function lineCard({ title, meaning, x, y, show, log = false, wide = false }) {
  const points = x.map((tokens, i) => ({ x: tokens, y: y[i], i })).filter((point) => known(point.y));
  const values = points.map((point) => point.y);
  const isLog = log && Math.min(...values) > 0 && Math.max(...values) > 4 * Math.min(...values);
  const readout = h("span", { class: "readout" });
  const speak = (how) => () => readout.setAttribute("aria-live", how); // only the chart in focus speaks
  const host = h("div", { class: "plot tall" });
  const box = h(
    "div",
    { class: wide ? "card chart wide" : "card chart", onfocusin: speak("polite"), onfocusout: speak("off") },
    h("div", { class: "chart-head" }, h("h3", {}, title), readout),
    h("p", { class: "meaning" }, meaning, isLog && " Logarithmic scale."),
    host,
  );
  if (points.length < 2) {
    host.append(empty("Not enough points were logged to draw a curve."));
    return box;
  }
  const last = points[points.length - 1];
  const chart = { point: () => {}, tokens: x };
  let drawn = null;
  chart.point = (index) => {
    const point =
      index === null ? last : points.reduce((best, p) => (Math.abs(p.i - index) < Math.abs(best.i - index) ? p : best));
    readout.replaceChildren(
      h("strong", {}, show(point.y)),
      index === null ? " at the end" : ` at ${compact(point.x)} tokens`,
    );
    drawn?.mark(index === null ? null : point);
  };
  lineCharts.push(chart);
  const label = `${title} against tokens: from ${show(points[0].y)} to ${show(last.y)}. Arrow keys read single points.`;
  responsive(host, (width) => {
    drawn = drawLine(points, width, show, isLog, label);
    chart.point(null);
    return drawn.svg;
  });
  return box;
}

function drawLine(points, width, show, log, label) {
  const left = 46,
    right = width - 12,
    top = 10,
    bottom = CHART_HEIGHT - 26;
  const end = points[points.length - 1].x,
    start = Math.min(points[0].x, 0);
  const px = (tokens) => left + ((tokens - start) / (end - start || 1)) * (right - left);
  const { ticks, y } = verticalScale(
    points.map((p) => p.y),
    bottom,
    top,
    log,
  );
  const path = points.map((p, i) => `${i ? "L" : "M"}${px(p.x).toFixed(1)} ${y(p.y).toFixed(1)}`).join("");
  const cross = s(
    "g",
    { class: "cross", visibility: "hidden" },
    s("line", { y1: top, y2: bottom }),
    s("circle", { r: 4 }),
  );
  const svg = s(
    "svg",
    {
      width,
      height: CHART_HEIGHT,
      viewBox: `0 0 ${width} ${CHART_HEIGHT}`,
      role: "img",
      tabindex: 0,
      "aria-label": label,
    },
    ticks.map((tick) => [
      s("line", { class: "grid", x1: left, x2: right, y1: y(tick), y2: y(tick) }),
      s("text", { x: left - 8, y: y(tick) + 4, "text-anchor": "end" }, show(tick)),
    ]),
    niceTicks(start, end, Math.max(2, Math.min(6, width / 110))).map((tick) => [
      s("line", { class: "tick", x1: px(tick), x2: px(tick), y1: bottom, y2: bottom + 4 }),
      s(
        "text",
        { x: Math.min(px(tick), right - 8), y: bottom + 18, "text-anchor": "middle" },
        tick === 0 ? "0" : compact(tick),
      ),
    ]),
    s("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }),
    !log && s("path", { class: "area", d: `${path}L${right} ${bottom}L${px(points[0].x).toFixed(1)} ${bottom}Z` }),
    s("path", { class: "line", d: path }),
    cross,
  );
  let current = points.length - 1;
  const move = (index) => {
    current = Math.max(0, Math.min(points.length - 1, index));
    for (const chart of lineCharts) chart.point(points[current].i);
  };
  const leave = () => lineCharts.forEach((chart) => chart.point(null));
  svg.addEventListener("pointermove", (event) => {
    const tokens = start + ((event.clientX - svg.getBoundingClientRect().left - left) / (right - left)) * (end - start);
    move(points.reduce((best, p, i) => (Math.abs(p.x - tokens) < Math.abs(points[best].x - tokens) ? i : best), 0));
  });
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("blur", leave);
  svg.addEventListener("keydown", (event) => {
    const step = Math.max(1, Math.round(points.length / 50));
    const target = { ArrowLeft: current - step, ArrowRight: current + step, Home: 0, End: points.length - 1 }[
      event.key
    ];
    if (target === undefined) return;
    event.preventDefault();
    move(target);
  });
  const mark = (point) => {
    cross.setAttribute("visibility", point ? "visible" : "hidden");
    if (!point) return;
    const [line, dot] = cross.children;
    for (const name of ["x1", "x2"]) line.setAttribute(name, px(point.x));
    dot.setAttribute("cx", px(point.x));
    dot.setAttribute("cy", y(point.y));
  };
  return { svg, mark };
}
