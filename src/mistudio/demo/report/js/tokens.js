// Text with the activation of one latent behind each token, and the one tooltip of the page.

// Background strength rises with the share of the latent's maximum; from here on dark text reads better than light.
const DARK_TEXT_FROM = 0.685; // both then have a contrast of at least 4.5
const glow = (share) => 0.16 + 0.84 * share;

function tokenSpan(piece, activation, most, isPeak) {
  if (activation === null)
    return h("span", { class: "token left-out", "data-tip": "left out of the analysis" }, visible(piece));
  const text = visible(piece);
  if (!(activation > 0)) return text;
  const share = most > 0 ? Math.min(1, activation / most) : 0;
  const tip = `${digits(activation, 3)} · ${Math.round(share * 100)} % of the maximum · “${text}”`;
  const kind = `token lit${glow(share) >= DARK_TEXT_FROM ? " strong" : ""}${isPeak ? " peak" : ""}`;
  const span = h("span", { class: kind, "data-tip": tip }, text);
  span.style.setProperty("--glow", glow(share).toFixed(3));
  return span;
}

// A space before the first word would only look like an indent.
const tokenSpans = ({ pieces, activations, peak }, most) =>
  pieces.map((piece, i) => tokenSpan(i === 0 ? piece.trimStart() || piece : piece, activations[i], most, i === peak));

// A passage. Focused, its arrow keys go from one active token to the next.
function passage(context, most) {
  const value = context.activations[context.peak];
  const text = h("p", { class: "passage", tabindex: 0, dir: "auto" }, tokenSpans(context, most));
  let current = -1;
  text.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const lit = [...text.querySelectorAll(".lit")];
    if (lit.length === 0) return;
    event.preventDefault();
    const start = lit.findIndex((span) => span.classList.contains("peak"));
    current =
      current < 0 ? Math.max(0, start) : (current + (event.key === "ArrowRight" ? 1 : -1) + lit.length) % lit.length;
    showTip(lit[current]);
  });
  text.addEventListener("blur", () => ((current = -1), hideTip()));
  return h(
    "li",
    { class: "context" },
    h(
      "div",
      { class: "context-head" },
      h("span", { class: "document" }, context.document),
      h("span", { class: "number" }, h("span", { class: "sr" }, "peak "), digits(value, 3)),
    ),
    text,
  );
}

// The strongest passage cut to one line around its peak.
function snippet(context, most) {
  const { pieces, activations, peak } = context;
  let first = peak,
    last = peak;
  for (let length = 0; first > 0 && (length += pieces[first - 1].length) <= 26;) first--;
  for (let length = 0; last < pieces.length - 1 && (length += pieces[last + 1].length) <= 34;) last++;
  const cut = {
    pieces: pieces.slice(first, last + 1),
    activations: activations.slice(first, last + 1),
    peak: peak - first,
  };
  return h(
    "span",
    { class: "snippet", dir: "auto" },
    first > 0 && "…",
    tokenSpans(cut, most),
    last < pieces.length - 1 && "…",
  );
}

// A token of the vocabulary: a leading space is part of it, and shown.
function chip(token, kind) {
  const space = token.startsWith(" ");
  return h(
    "span",
    { class: `chip ${kind}` },
    space && h("span", { class: "space", "aria-label": "space" }, "␣"),
    visible(space ? token.slice(1) : token),
  );
}

function showTip(target) {
  const tip = at("tooltip");
  tip.textContent = target.dataset.tip;
  tip.hidden = false;
  const [spot] = target.getClientRects(),
    box = tip.getBoundingClientRect();
  const left = Math.max(8, Math.min(innerWidth - box.width - 8, spot.left + spot.width / 2 - box.width / 2));
  const above = spot.top - box.height - 8;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 4 ? above : spot.bottom + 8}px`;
}

const hideTip = () => (at("tooltip").hidden = true);

function watchTips() {
  document.addEventListener("pointerover", (event) => {
    const target = event.target.closest?.("[data-tip]");
    if (target) showTip(target);
    else hideTip();
  });
  document.addEventListener("scroll", hideTip, { capture: true, passive: true });
  document.addEventListener("input", hideTip);
  document.addEventListener("keydown", (event) => event.key === "Escape" && hideTip());
}
