// The top of the page: what was done, the key numbers, their definitions, density of latents, training curves.

function drawHeader({ title, created, model, corpus, training, evaluation, machine }) {
  const when = new Date(created);
  const words =
    `${whole(training.latents)} latents were trained to rebuild what ${model.name} computes at ${model.hook}, ` +
    `${training.active} of them at a time, on ${compact(training.tokens_trained)} tokens of ${corpus.name}. Below stands how well that worked, ` +
    "what each latent responds to, and what the model writes when one is turned up.";
  const tiles = evaluation
    .filter((number) => number.headline)
    .map((number) =>
      tile(number.symbol || number.name, withUnit(number.value, number.unit), number.summary || number.name, number),
    );
  tiles.push(
    tile("Training speed", compact(training.tokens_per_second), `tokens a second, for ${duration(training.seconds)}`),
  );
  into(
    "top",
    h("p", { class: "brand" }, h("span", { class: "dot", "aria-hidden": "true" }), "miStudio"),
    h("h1", {}, title),
    h("p", { class: "intro" }, words),
    h(
      "p",
      { class: "byline" },
      [model.name, model.hook, corpus.name, when.toLocaleDateString("en-GB", { dateStyle: "long" })].map((part) =>
        h("span", {}, part),
      ),
    ),
    h("div", { class: "tiles" }, tiles),
  );
}

function tile(label, value, name, number) {
  return h(
    "div",
    { class: "tile" },
    h("div", { class: "tile-label" }, label),
    h("div", { class: "tile-value" }, value),
    h("div", { class: "tile-name" }, name),
    number?.target && targetBadge(number),
  );
}

function targetBadge({ target, met }) {
  if (!target) return null;
  const verdict = met === true ? "met" : met === false ? "missed" : "";
  return h("span", { class: `badge ${verdict}` }, target, verdict && h("span", { class: "verdict" }, verdict));
}

function drawQuality({ evaluation, evaluated_tokens, density, training, exclusions, corpus }) {
  const rows = evaluation.map((number) =>
    h(
      "tr",
      {},
      h(
        "th",
        { scope: "row" },
        h("span", { class: "symbol" }, number.symbol || number.name),
        number.symbol && h("span", { class: "long-name" }, number.name),
      ),
      h(
        "td",
        { class: "number" },
        withUnit(number.value, number.unit),
        number.unit &&
          number.unit !== "share" &&
          known(number.value) &&
          h("span", { class: "unit" }, ` ${number.unit}`),
        targetBadge(number),
      ),
      h("td", { class: "definition" }, number.definition),
    ),
  );
  const table = h(
    "table",
    { class: "plain quality" },
    h("caption", { class: "sr" }, "Quality numbers and their definitions"),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        ["Number", "Value", "What it means"].map((name) => h("th", { scope: "col" }, name)),
      ),
    ),
    h("tbody", {}, rows),
  );
  into(
    "quality",
    sectionHead(
      "quality",
      "Quality",
      evaluated_tokens ? `Measured on ${whole(evaluated_tokens)} tokens that training never saw.` : null,
    ),
    h(
      "div",
      { class: "split" },
      h("div", { class: "card flush" }, rows.length ? table : empty("No evaluation was made.")),
      h(
        "div",
        { class: "stack" },
        densityCard(density, training.latents),
        exclusions.length > 0 && exclusionsCard(exclusions, corpus.tokens),
      ),
    ),
  );
}

function exclusionsCard(exclusions, tokens) {
  return card(
    "Left out of training and of every number",
    h(
      "ul",
      { class: "exclusions" },
      exclusions.map(({ label, tokens: count, rule }) =>
        h(
          "li",
          {},
          h(
            "div",
            { class: "exclusion-head" },
            h("span", {}, label),
            h(
              "span",
              { class: "number" },
              whole(count),
              " tokens",
              tokens > 0 && h("span", { class: "unit" }, ` ${percent(count / tokens)}`),
            ),
          ),
          h("p", { class: "meaning" }, rule),
        ),
      ),
    ),
  );
}

function densityCard({ edges, counts, dead }, latents) {
  const box = card("How often latents fire");
  const alive = counts.reduce((sum, count) => sum + count, 0);
  if (alive + dead === 0) return fill(box, {}, [empty("No densities were measured.")]);
  const used = counts.map((count, i) => (count ? i : -1)).filter((i) => i >= 0);
  const first = used[0] ?? 0,
    last = used[used.length - 1] ?? 0;
  const bars = [
    { count: dead, kind: "bar dead", tip: `${whole(dead)} latents never fired` },
    { count: 0, tip: "" },
  ];
  for (let i = first; i <= last; i++) {
    bars.push({
      count: counts[i],
      tip: `${whole(counts[i])} latents fire on ${rarity(edges[i])} to ${rarity(edges[i + 1])} tokens`,
    });
  }
  const ticks = [{ at: 0.5, text: "never" }];
  edges
    .slice(first, last + 2)
    .forEach((edge, i) => Number.isInteger(edge) && i > 1 && ticks.push({ at: i + 2, text: rarity(edge) }));
  const plot = histogram(h("div", { class: "plot" }), {
    bars,
    ticks,
    height: 230,
    label: `Histogram of latents by the share of tokens on which they fire; ${whole(dead)} never fire.`,
  });
  return fill(box, {}, [
    h(
      "p",
      { class: "meaning" },
      "Number of latents by the share of tokens on which each is active. The axis is logarithmic.",
    ),
    plot,
    h(
      "p",
      { class: "note" },
      dead
        ? h("span", { class: "dead-words" }, `${whole(dead)} of ${whole(latents || alive + dead)} latents never fired.`)
        : "Every latent fired at least once.",
    ),
  ]);
}

const rarity = (log10) => (log10 >= 0 ? "all" : `1${NB}in${NB}${compact(Number((10 ** -log10).toPrecision(2)))}`);

function drawTraining({ training }) {
  const { tokens: x } = training;
  const charts = [
    {
      title: "FVU",
      meaning: "Share of the variance left unexplained, on the training batch.",
      y: training.fvu,
      show: (v) => digits(v, 3),
      log: true,
      wide: true,
    },
    {
      title: "Loss",
      meaning: "What the optimiser lowers.",
      y: training.loss,
      show: (v) => digits(v, 3),
      log: true,
    },
    { title: "L0", meaning: "Active latents per token.", y: training.l0, show: (v) => digits(v, 3) },
    {
      title: "Dead latents",
      meaning: "Share of latents silent in the last tokens.",
      y: training.dead_share,
      show: percent,
    },
    {
      title: "Learning rate",
      meaning: "Warm-up, plateau, decay.",
      y: training.learning_rate,
      show: (v) => digits(v, 3),
    },
  ].filter(({ y }) => y.length > 0);
  const lead =
    `${whole(training.tokens_trained)} tokens in ${duration(training.seconds)}${training.steps.length ? `, ${whole(training.steps[training.steps.length - 1])} steps` : ""}. ` +
    "The horizontal axes count tokens.";
  into(
    "training",
    sectionHead("training", "Training", lead),
    charts.length
      ? h(
          "div",
          { class: "charts" },
          charts.map((chart) => lineCard({ x, ...chart })),
        )
      : empty("No training curve was recorded."),
  );
}
