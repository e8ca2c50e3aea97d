// The rows of the table of latents, and what a text filter finds in them.

const COLUMNS = [
  { key: "latent", name: "Latent", rising: true },
  { name: "Strongest passage, promoted tokens" },
  { name: "Activations" },
  { key: "density", name: "Density", show: percent },
  { key: "max_activation", name: "Max", show: (v) => digits(v, 3) },
  { key: "mean_activation", name: "Mean", show: (v) => digits(v, 3) },
];
const MEASURES = COLUMNS.filter(({ show }) => show);
const CHIPS_IN_ROW = 5;

function haystack({ latent, promoted, suppressed, groups }) {
  const words = [`latent ${latent}`, ...[...promoted, ...suppressed].map(({ token }) => token)];
  for (const { contexts } of groups)
    for (const { document: label, pieces } of contexts) words.push(label, pieces.join(""));
  return words.join("\n").toLowerCase();
}

function tableRow(row) {
  const [strongest] = row.groups.flatMap(({ contexts }) => contexts);
  const words = strongest
    ? snippet(strongest, row.max_activation)
    : h("span", { class: "quiet" }, "never active on the tokens searched");
  const chips = row.promoted.slice(0, CHIPS_IN_ROW).map(({ token }) => chip(token, "promoted"));
  return h(
    "tr",
    { role: "row", "data-latent": row.latent },
    h(
      "th",
      { role: "rowheader", scope: "row" },
      h("a", { href: `#latent-${row.latent}` }, h("span", { class: "sr" }, "Latent "), row.latent),
    ),
    h("td", { role: "cell", class: "gist" }, words, h("span", { class: "chips" }, chips)),
    h("td", { role: "cell", class: "shape" }, sparkline(row.histogram)),
    MEASURES.map(({ key, name, show }) =>
      h("td", { role: "cell", class: "number", "data-name": name }, show(row[key])),
    ),
  );
}

function tableHead({ key, name, rising }, sortBy) {
  const arrow = h("span", { class: "arrow", "aria-hidden": "true" });
  return h(
    "th",
    { role: "columnheader", scope: "col", class: key && key !== "latent" && "number" },
    key ? h("button", { type: "button", onclick: () => sortBy(key, rising) }, name, arrow) : name,
  );
}
