// Reads the content and draws the page, section by section.

const content = JSON.parse(at("content").textContent);
const SECTIONS = [
  ["quality", "Quality"],
  ["training", "Training"],
  ["features", "Features"],
  ["steering", "Steering"],
  ["provenance", "How it was made"],
];

document.querySelector("#sections .page").append(...SECTIONS.map(([id, name]) => h("a", { href: `#${id}` }, name)));
for (const draw of [drawHeader, drawQuality, drawTraining, drawSteering, drawProvenance, drawFeatures]) draw(content);
watchTips();

// The section in view is marked in the navigation.
const marks = new Map([...document.querySelectorAll("#sections a")].map((link) => [link.hash.slice(1), link]));
const watcher = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) marks.get(target.id)?.classList.toggle("here", isIntersecting);
  },
  { rootMargin: "-45% 0px -50% 0px" },
);
for (const id of marks.keys()) watcher.observe(at(id));
