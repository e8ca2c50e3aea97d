// How the page came about: model, text, what was left out, settings, times, machine, files, commands, definitions.

const facts = (pairs) =>
  h(
    "dl",
    { class: "facts" },
    pairs
      .filter(([, value]) => value !== "")
      .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );

function timesCard(timings) {
  const total = timings.reduce((sum, { seconds }) => sum + seconds, 0);
  const longest = Math.max(...timings.map(({ seconds }) => seconds), 1e-9);
  const rows = timings.map(({ stage, seconds, note }) => {
    const bar = h("span", { class: "time-bar", "aria-hidden": "true" });
    bar.style.setProperty("--share", `${((seconds / longest) * 100).toFixed(1)}%`);
    return h(
      "li",
      {},
      h("span", { class: "stage" }, stage, note && h("span", { class: "quiet" }, ` ${note}`)),
      h("span", { class: "number" }, duration(seconds)),
      bar,
    );
  });
  return card(`Time: ${duration(total)}`, h("ul", { class: "times" }, rows));
}

function commandRow({ purpose, command }) {
  const code = h("code", { tabindex: 0 }, command);
  const button = h(
    "button",
    {
      type: "button",
      class: "quiet-button",
      onclick: async () => {
        getSelection().selectAllChildren(code);
        try {
          await navigator.clipboard.writeText(command);
          button.textContent = "Copied";
        } catch {
          button.textContent = "Selected";
        }
        setTimeout(() => (button.textContent = "Copy"), 1500);
      },
    },
    "Copy",
  );
  return h("li", {}, h("span", { class: "purpose" }, purpose), h("span", { class: "command" }, code, button));
}

const DEFINITIONS = [
  ["Latent", "One dimension of the sparse autoencoder. A feature is a latent together with what it responds to."],
  [
    "Activation",
    "What the encoder gives a latent on a token; zero on most tokens. It has no unit, so compare it within one latent only.",
  ],
  ["Density", "Share of tokens on which the latent's activation is above zero."],
  ["Mean", "Mean activation over the tokens on which the latent is active."],
  [
    "Activation histogram",
    "Active tokens in equal intervals from zero to the latent's maximum; heights are logarithmic.",
  ],
  [
    "Promoted, suppressed",
    "Tokens whose logits the latent's decoder row raises or lowers most, every layer in between left out: a hint, not a proof.",
  ],
  ["Strength", "Steering is measured in multiples of the largest activation that the latent showed on the text."],
];

function drawProvenance(content) {
  const { model, corpus, training, timings, machine, artifacts, commands } = content;
  const pairs = (settings) => settings.map(({ name, value }) => [name, value]);
  const width = model.layers ? `${model.layers} layers, width ${whole(model.d_model)}` : "";
  into(
    "provenance",
    sectionHead("provenance", "How it was made"),
    h(
      "div",
      { class: "columns" },
      h(
        "div",
        { class: "stack" },
        card(
          "Model",
          facts([
            ["Name", model.name],
            ["Parameters", compact(model.parameters)],
            ["Shape", width],
            ["Hook point", model.hook],
            ["Licence", model.licence],
          ]),
        ),
        card(
          "Text",
          facts([
            ["Name", corpus.name],
            ["Documents", whole(corpus.documents)],
            ["Held out", corpus.held_out_documents ? whole(corpus.held_out_documents) : ""],
            ["Tokens", whole(corpus.tokens)],
            ["Source", corpus.source],
            ["Licence", corpus.licence],
          ]),
        ),
      ),
      h(
        "div",
        { class: "stack" },
        training.settings.length > 0 && card("Training settings", facts(pairs(training.settings))),
        machine.length > 0 && card("Machine", facts(pairs(machine))),
      ),
      timings.length > 0 && timesCard(timings),
    ),
    commands.length > 0 && card("Go further", h("ul", { class: "commands" }, commands.map(commandRow))),
    artifacts.length > 0 &&
      card(
        "Files",
        h(
          "dl",
          { class: "facts files" },
          artifacts.map(({ name, path }) => h("div", {}, h("dt", {}, name), h("dd", {}, h("code", {}, path)))),
        ),
      ),
  );
  document.querySelector("footer .page").append(
    h("h2", {}, "How the numbers are defined"),
    h(
      "dl",
      { class: "definitions" },
      DEFINITIONS.map(([term, words]) => h("div", {}, h("dt", {}, term), h("dd", {}, words))),
    ),
    h("p", { class: "note" }, "This page is one file: it loads nothing, sends nothing, and can be mailed."),
  );
}
