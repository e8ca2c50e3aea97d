// Everything about one latent: numbers, activation histogram, logits, passages.

function logitBars(title, tokens, kind, most) {
  const rows = tokens.map(({ token, logit }) => {
    const bar = h("span", { class: "logit-bar", "aria-hidden": "true" });
    bar.style.setProperty("--share", `${((Math.abs(logit ?? 0) / most) * 100).toFixed(1)}%`);
    return h(
      "li",
      {},
      chip(token, kind),
      h("span", { class: "logit-track" }, bar),
      h("span", { class: "number" }, digits(logit, 3)),
    );
  });
  return h(
    "div",
    { class: `logits ${kind}` },
    h("h4", {}, title),
    tokens.length ? h("ul", {}, rows) : empty("None were computed."),
  );
}

function activationHistogram({ histogram: counts, max_activation: most }) {
  if (counts.length === 0 || !known(most)) return empty("It was never active on the tokens searched.");
  const value = (i) => digits((most * i) / counts.length, 3);
  const bars = counts.map((count, i) => ({
    count,
    tip: `${whole(count)} tokens from ${value(i)} to ${value(i + 1)}`,
  }));
  const ticks = niceTicks(0, most, 5).map((tick) => ({ at: (tick / most) * counts.length, text: digits(tick, 3) }));
  return histogram(h("div", { class: "plot" }), {
    bars,
    ticks,
    log: true,
    height: 130,
    label: `Histogram of activations up to ${digits(most, 3)}`,
  });
}

function groupBlock({ name, contexts }, most) {
  return h(
    "section",
    { class: "group" },
    h("h4", {}, name),
    contexts.length
      ? h(
          "ol",
          { class: "contexts" },
          contexts.map((context) => passage(context, most)),
        )
      : empty("No passage in this interval."),
  );
}

// `step(+1 | −1)` opens the neighbour in the table's order; `close` is null where the panel always stays open.
function featureDetail(row, { logitNote, step, close }) {
  const most = row.max_activation;
  const largest = Math.max(...[...row.promoted, ...row.suppressed].map(({ logit }) => Math.abs(logit ?? 0)), 1e-9);
  const numbers = [
    ["Fires on", percent(row.density), oneIn(row.density)],
    ["Maximum", digits(most, 3), ""],
    ["Mean when active", digits(row.mean_activation, 3), ""],
  ];
  const groups = row.groups.filter(({ contexts }) => contexts.length > 0);
  return [
    h(
      "div",
      { class: "detail-head" },
      h("h3", { tabindex: -1 }, `Latent ${row.latent}`),
      h(
        "div",
        { class: "detail-buttons" },
        h(
          "button",
          {
            type: "button",
            class: "quiet-button",
            "aria-label": "Previous latent in the table",
            onclick: () => step(-1),
          },
          "Previous",
        ),
        h(
          "button",
          {
            type: "button",
            class: "quiet-button",
            "aria-label": "Next latent in the table",
            onclick: () => step(1),
          },
          "Next",
        ),
        close && h("button", { type: "button", class: "quiet-button", onclick: close }, "Close"),
      ),
    ),
    h(
      "dl",
      { class: "detail-numbers" },
      numbers.map(([name, value, more]) =>
        h("div", {}, h("dt", {}, name), h("dd", {}, value, more && h("span", { class: "unit" }, more))),
      ),
    ),
    h("h4", {}, "Next tokens"),
    h(
      "div",
      { class: "logit-pair" },
      logitBars("Promoted", row.promoted, "promoted", largest),
      logitBars("Suppressed", row.suppressed, "suppressed", largest),
    ),
    logitNote && h("p", { class: "note" }, logitNote),
    h("h4", {}, "Activations"),
    h("p", { class: "meaning" }, "Active tokens by strength, logarithmic heights."),
    activationHistogram(row),
    h(
      "div",
      { class: "legend" },
      h("span", {}, "Activation 0"),
      h("span", { class: "ramp", "aria-hidden": "true" }),
      h("span", {}, `${digits(most, 3)}, its maximum`),
    ),
    ...(groups.length
      ? groups.map((group) => groupBlock(group, most))
      : [empty("No passage was kept for this latent.")]),
  ].filter(Boolean);
}
