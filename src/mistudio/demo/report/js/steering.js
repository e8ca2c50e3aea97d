// The unchanged model beside the steered one.

// How many characters both texts begin with, cut at a word's end.
function sharedStart(a, b) {
  let same = 0;
  while (same < a.length && same < b.length && a[same] === b[same]) same++;
  return same === a.length || same === b.length ? same : a.lastIndexOf(" ", same) + 1;
}

function writtenCard(kind, title, badge, text, same, reading) {
  return h(
    "div",
    { class: `written ${kind}` },
    h("div", { class: "written-head" }, h("h4", {}, title), badge && h("span", { class: "badge" }, badge)),
    text === ""
      ? empty("The model wrote nothing.")
      : h(
          "p",
          { class: "words", dir: "auto" },
          same > 0 && h("span", { class: "same" }, text.slice(0, same)),
          text.slice(same),
        ),
    known(reading) &&
      h(
        "p",
        { class: "note" },
        "Read back by the unchanged model: mean activation ",
        h("span", { class: "number" }, digits(reading, 3)),
      ),
  );
}

function comparisonCard(comparison, shown) {
  const { prompt, edits, latents, baseline_reading, steered } = comparison;
  const baseline = comparison.baseline.trim();
  const links = latents
    .filter((latent) => shown.has(latent))
    .map((latent) => h("a", { class: "latent-link", href: `#latent-${latent}` }, `Look at latent ${latent}`));
  return h(
    "article",
    { class: "card comparison" },
    h(
      "div",
      { class: "prompt" },
      h("span", { class: "eyebrow" }, "Prompt"),
      h("p", { class: "words", dir: "auto" }, prompt || "(none)"),
    ),
    h("p", { class: "edits" }, h("span", { class: "eyebrow" }, "Edit"), h("span", {}, edits, " ", links)),
    h(
      "div",
      { class: "side-by-side" },
      writtenCard("baseline", "Model as it is", null, baseline, 0, baseline_reading),
      steered.map(({ text, strength, reading }) =>
        writtenCard(
          "steered",
          "Steered",
          `${digits(strength, 3)} × maximum`,
          text.trim(),
          sharedStart(baseline, text.trim()),
          reading,
        ),
      ),
    ),
  );
}

function drawSteering({ steering, features }) {
  const shown = new Set(features.rows.map((row) => row.latent));
  into(
    "steering",
    sectionHead(
      "steering",
      "Steering",
      steering.length
        ? "The same prompt, the same random numbers; the only difference is the edit. " +
            "Words in grey are the same as in the unsteered text."
        : null,
    ),
    steering.length
      ? steering.map((comparison) => comparisonCard(comparison, shown))
      : empty("No steering comparison was made."),
  );
}
