// The table of latents: sorted by its headings, filtered by text, one latent open at a time, the open one in the address.
// On a wide screen the open latent stands in a panel beside the table, on a narrow one under its row.

const NARROW = matchMedia("screen and (max-width: 1079px)");
const ROWS_AT_ONCE = 20; // on a narrow screen, where the table does not scroll by itself

class FeatureExplorer {
  key = null; // the column sorted by; null is the order of the content
  rising = false;
  query = "";
  latent = null; // the open one
  limit = ROWS_AT_ONCE;

  constructor({ rows, logit_note }) {
    this.logitNote = logit_note;
    this.items = new Map(rows.map((row, place) => [row.latent, { row, place, element: tableRow(row), text: null }]));
    this.first = rows[0].latent;
    this.count = h("span", { class: "count", role: "status" });
    this.filter = h("input", {
      type: "search",
      id: "filter",
      placeholder: "a word, a token, a number",
      autocomplete: "off",
      spellcheck: "false",
      oninput: () => this.search(this.filter.value),
    });
    this.heads = COLUMNS.map((column) => tableHead(column, (key, rising) => this.sort(key, rising)));
    this.body = h("tbody", {
      role: "rowgroup",
      onclick: (event) => this.clicked(event),
      onkeydown: (event) => this.pressed(event),
    });
    this.table = h(
      "table",
      { class: "feature-table", role: "table" },
      h("caption", { class: "sr" }, "Latents. A heading sorts, the number of a latent opens it."),
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, this.heads)),
      this.body,
    );
    this.nothing = h(
      "div",
      { class: "empty" },
      h("p", {}, "No latent matches this text."),
      h("button", { type: "button", class: "quiet-button", onclick: () => this.clear() }, "Clear the filter"),
    );
    this.more = h("button", {
      type: "button",
      class: "quiet-button more",
      onclick: () => this.arrange((this.limit += ROWS_AT_ONCE)),
    });
    this.detail = h("div", { class: "detail" });
    this.inline = h("tr", { role: "row", class: "inline" }, h("td", { role: "cell", colspan: COLUMNS.length }));
    this.panel = h("aside", { class: "panel", "aria-label": "Open latent", tabindex: 0 });
  }

  elements() {
    return [
      h("div", { class: "toolbar" }, h("label", { for: "filter" }, "Filter"), this.filter, this.count),
      h(
        "div",
        { class: "explorer" },
        h("div", { class: "table-box" }, this.table, this.nothing, this.more),
        this.panel,
      ),
    ];
  }

  // Everything that passes the filter, in order.
  found() {
    const items = [...this.items.values()].filter(
      (item) => !this.query || (item.text ??= haystack(item.row)).includes(this.query),
    );
    const value = ({ row, place }) => (this.key === null ? place : (row[this.key] ?? -Infinity));
    const sign = this.key === null || this.rising ? 1 : -1;
    return items.sort((a, b) => sign * (value(a) - value(b)) || a.row.latent - b.row.latent);
  }

  arrange() {
    const found = this.found();
    const shown = NARROW.matches ? found.slice(0, this.limit) : found;
    this.body.replaceChildren(...shown.map(({ element }) => element));
    this.count.textContent = this.query
      ? `${found.length} of ${this.items.size} latents`
      : `${this.items.size} latents`;
    this.nothing.hidden = found.length > 0;
    this.table.hidden = found.length === 0;
    this.more.hidden = shown.length === found.length;
    this.more.textContent = `Show ${Math.min(ROWS_AT_ONCE, found.length - shown.length)} more of ${found.length}`;
    this.placeDetail();
  }

  sort(key, rising = false) {
    this.rising = this.key === key ? !this.rising : rising;
    this.key = key;
    this.heads.forEach((head, i) => {
      if (COLUMNS[i].key === key) head.setAttribute("aria-sort", this.rising ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
    this.arrange();
    this.table.parentElement.scrollTop = 0;
  }

  search(text) {
    this.query = text.trim().toLowerCase();
    this.limit = ROWS_AT_ONCE;
    this.arrange();
  }

  clear() {
    this.filter.value = "";
    this.search("");
    this.filter.focus();
  }

  open(latent, { focus = false } = {}) {
    this.items.get(this.latent)?.element.removeAttribute("aria-current");
    this.latent = latent;
    const item = this.items.get(latent);
    if (item) {
      item.element.setAttribute("aria-current", "true");
      const place = this.found().indexOf(item);
      if (NARROW.matches && place >= this.limit) this.arrange((this.limit = place + ROWS_AT_ONCE));
      this.detail.replaceChildren(
        ...featureDetail(item.row, {
          logitNote: this.logitNote,
          step: (by) => this.step(by),
          close: NARROW.matches ? () => this.close() : null,
        }),
      );
    } else {
      this.detail.replaceChildren(
        empty(
          latent === null
            ? "Open a latent in the table to see what it responds to."
            : `Latent ${latent} is not among the ${this.items.size} on this page.`,
        ),
      );
    }
    this.placeDetail();
    this.panel.scrollTop = 0;
    if (focus) this.detail.querySelector("h3")?.focus({ preventScroll: !NARROW.matches });
  }

  placeDetail() {
    this.inline.remove();
    if (!NARROW.matches) return this.panel.replaceChildren(this.detail);
    this.inline.firstChild.replaceChildren(this.detail);
    const row = this.items.get(this.latent)?.element;
    if (row?.isConnected) row.after(this.inline);
    else if (this.latent !== null && !row) this.body.prepend(this.inline);
  }

  // Opens the neighbour in the order of the table, around its ends.
  step(by) {
    const found = this.found();
    const here = found.findIndex(({ row }) => row.latent === this.latent);
    const next = found[here < 0 ? 0 : (here + by + found.length) % found.length];
    if (!next) return;
    history.replaceState(null, "", `#latent-${next.row.latent}`);
    this.open(next.row.latent, { focus: true });
    this.show(next.element);
  }

  // Scrolls to a row: the page on a narrow screen, else only the box around the table.
  show(row) {
    if (NARROW.matches) return row?.scrollIntoView();
    const box = this.table.parentElement,
      head = this.table.tHead.offsetHeight;
    if (!row?.isConnected) return;
    if (row.offsetTop - head < box.scrollTop) box.scrollTop = row.offsetTop - head;
    else if (row.offsetTop + row.offsetHeight > box.scrollTop + box.clientHeight)
      box.scrollTop = row.offsetTop - box.clientHeight / 2;
  }

  close() {
    const link = this.items.get(this.latent)?.element.querySelector("a");
    history.replaceState(null, "", "#features");
    this.open(null);
    link?.focus();
  }

  clicked({ target }) {
    const row = target.closest("tr[data-latent]");
    if (!row || target.closest("a") || !getSelection().isCollapsed) return;
    location.hash = `latent-${row.dataset.latent}`;
  }

  pressed(event) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by || !event.target.matches("th a")) return;
    const links = [...this.body.querySelectorAll("th a")];
    links[links.indexOf(event.target) + by]?.focus();
    event.preventDefault();
  }

  // Opens the latent that the address names, and brings it into view.
  follow(section) {
    const latent = /^#latent-(\d+)$/.exec(location.hash)?.[1];
    if (latent === undefined) return false;
    this.open(Number(latent));
    const { top, bottom } = this.table.parentElement.getBoundingClientRect();
    if (top > innerHeight / 2 || bottom < innerHeight / 2) section.scrollIntoView();
    this.show(this.items.get(this.latent)?.element);
    return true;
  }
}

function drawFeatures({ features, training }) {
  const { rows, tokens_searched: searched, choice } = features;
  if (rows.length === 0) {
    return into(
      "features",
      sectionHead("features", "Features"),
      empty("No features to show: every latent is silent on this text, or none was looked for."),
    );
  }
  const lead = [
    choice || `${whole(rows.length)} of ${whole(training.latents)} latents.`,
    searched && `Passages were sought among ${compact(searched)} tokens.`,
  ];
  const explorer = new FeatureExplorer(features);
  const section = into(
    "features",
    sectionHead("features", "Features", lead.filter(Boolean).join(" ")),
    explorer.elements(),
  );
  explorer.arrange();
  if (!explorer.follow(section)) explorer.open(NARROW.matches ? null : explorer.first);
  addEventListener("hashchange", () => explorer.follow(section));
  NARROW.addEventListener("change", () => (explorer.arrange(), explorer.open(explorer.latent)));
}
