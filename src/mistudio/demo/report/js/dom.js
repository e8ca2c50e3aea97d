// Making elements. Text only ever enters the page as text nodes and attribute values, so no token can become markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

// h("p", {class: "note"}, "text", …) and the same for SVG. Children may be nested lists; null is skipped.
const h = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);
const s = (name, attributes, ...children) => fill(document.createElementNS(SVG, name), attributes, children);
const at = (id) => document.getElementById(id);
const into = (id, ...children) => fill(at(id), {}, children);

function sectionHead(id, title, lead) {
  return h(
    "div",
    { class: "section-head" },
    h("h2", { id: `${id}-title` }, title),
    lead && h("p", { class: "lead" }, lead),
  );
}

const card = (title, ...children) => h("div", { class: "card" }, title && h("h3", {}, title), children);
const empty = (words) => h("p", { class: "empty" }, words);

// Draws into `host` at its width in pixels, now and whenever that changes.
function responsive(host, draw) {
  let drawn = 0;
  new ResizeObserver(([entry]) => {
    const width = Math.floor(entry.contentRect.width);
    if (width > 0 && width !== drawn) host.replaceChildren(draw((drawn = width)));
  }).observe(host);
  return host;
}
