"""The page as its readers meet it: drawn, sorted, filtered, opened, read and steered by keyboard, in a real browser."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mistudio.demo.report import write_report
from tests.demo.made_up import HOSTILE, a_report, hostile_report

if sys.platform == "win32":
    pytest.skip("the pipe to Chromium needs POSIX file descriptors", allow_module_level=True)

from tests.demo.headless_chromium import NAMES, Chromium, installed

pytestmark = pytest.mark.browser

LATENTS = "[...document.querySelectorAll('tr[data-latent]')].map((row) => Number(row.dataset.latent))"
OPEN = "document.querySelector('.detail h3')?.textContent ?? null"

# Every text must have a contrast of 4.5 (3 where large) with what lies behind it: WCAG 2.1, level AA.
POOR_CONTRAST = """(() => {
  const parse = (text) => {
    const numbers = text.match(/-?[0-9.]+(e-?[0-9]+)?/g).map(Number);
    const scale = text.startsWith("color(") ? 255 : 1;
    return [...numbers.slice(0, 3).map((n) => n * scale), numbers[3] ?? 1];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((c, i) => c * a + below[i] * (1 - a));
  const behind = (element) => {
    if (!element) return [2, 6, 23];
    const colour = parse(getComputedStyle(element).backgroundColor);
    return colour[3] === 1 ? colour.slice(0, 3) : over(colour, behind(element.parentElement));
  };
  const light = (rgb) => rgb.map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest("script, noscript") || !element.checkVisibility()) continue;
    const style = getComputedStyle(element), ground = behind(element);
    const ink = element.closest("svg") ? style.fill : style.color;
    const lights = [light(over(parse(ink), ground)), light(ground)];
    const contrast = (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05);
    const wanted = parseFloat(style.fontSize) >= 24 ? 3 : 4.5;
    if (contrast < wanted) poor.push(`${walker.currentNode.data}: ${contrast.toFixed(2)}`);
  }
  return poor;
})()"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    program = installed()
    if program is None:
        pytest.skip(f"no Chromium is installed (looked for {', '.join(NAMES)})")
    with Chromium(program, tmp_path_factory.mktemp("profile")) as chromium:
        yield chromium


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(a_report(40), tmp_path_factory.mktemp("page") / "report.html")


@pytest.fixture
def rows() -> list:
    return list(a_report(40).features.rows)


def by(rows: list, name: str) -> list[int]:
    return [row.latent for row in sorted(rows, key=lambda row: (-getattr(row, name), row.latent))]


def click(browser: Chromium, selector: str) -> None:
    browser.run(f"document.querySelector(`{selector}`).click()")
    browser.settle()


@pytest.mark.parametrize("width", [1440, 380])
def test_the_page_draws_itself_without_an_error_and_without_a_request(browser, page, width):
    browser.go(page, width=width)

    assert browser.errors == []
    assert [url for url in browser.requests if not url.startswith(("file:", "data:"))] == []
    assert browser.run("document.querySelectorAll('main > section > .section-head').length") == 5
    assert browser.run("document.querySelectorAll('.tile').length") == 5
    assert browser.run("document.querySelectorAll('.chart path.line').length") == 5


@pytest.mark.parametrize(("heading", "name"), [("Density", "density"), ("Max", "max_activation")])
def test_a_heading_sorts_the_table_and_says_so(browser, page, rows, heading, name):
    browser.go(page)
    button = f"[...document.querySelectorAll('.feature-table thead button')].find((b) => b.textContent === '{heading}')"

    browser.run(f"{button}.click()")
    assert browser.run(LATENTS) == by(rows, name)
    assert browser.run(f"{button}.closest('th').getAttribute('aria-sort')") == "descending"

    browser.run(f"{button}.click()")
    assert browser.run(LATENTS) == by(rows, name)[::-1]
    assert browser.run("document.querySelectorAll('[aria-sort]').length") == 1


def test_the_filter_finds_text_in_passages_and_says_when_there_is_none(browser, page, rows):
    browser.go(page)
    browser.run("document.querySelector('#filter').focus()")

    browser.type("Treasury")
    found = browser.run(LATENTS)
    assert 0 < len(found) < len(rows)
    assert browser.run("document.querySelector('.count').textContent") == f"{len(found)} of {len(rows)} latents"

    browser.type(" of no such words")
    assert browser.run(LATENTS) == []
    assert "No latent matches" in browser.run("document.querySelector('.table-box').innerText")

    click(browser, ".table-box .empty button")
    assert len(browser.run(LATENTS)) == len(rows)


def test_a_click_on_a_row_opens_its_latent_and_puts_it_into_the_address(browser, page, rows):
    browser.go(page)
    assert browser.run(OPEN) == f"Latent {rows[0].latent}"

    click(browser, f"tr[data-latent='{rows[5].latent}'] .gist")

    assert browser.run(OPEN) == f"Latent {rows[5].latent}"
    assert browser.run("location.hash") == f"#latent-{rows[5].latent}"
    assert browser.run("document.querySelectorAll('[aria-current=true]').length") == 1


@pytest.mark.parametrize("width", [1440, 380])
def test_a_link_to_a_latent_opens_it_in_view(browser, page, rows, width):
    latent = rows[30].latent
    browser.go(page, f"#latent-{latent}", width=width)

    assert browser.run(OPEN) == f"Latent {latent}"
    top = browser.run(f"document.querySelector('tr[data-latent=\"{latent}\"]').getBoundingClientRect().top")
    assert 0 <= top < 900


def test_a_link_to_a_latent_that_is_not_shown_says_so(browser, page, rows):
    missing = max(row.latent for row in rows) + 1
    browser.go(page, f"#latent-{missing}")

    assert f"Latent {missing} is not among the {len(rows)}" in browser.run(
        "document.querySelector('.detail').innerText"
    )


def test_the_table_can_be_used_from_the_keyboard(browser, page, rows):
    browser.go(page)
    browser.run("document.querySelector('tr[data-latent] a').focus()")

    browser.press("ArrowDown")
    browser.press("ArrowDown")
    browser.press("Enter")
    assert browser.run(OPEN) == f"Latent {rows[2].latent}"

    browser.run("document.querySelector('.passage').focus()")
    browser.settle()
    browser.press("ArrowRight")
    most = rows[2].groups[0].contexts[0]
    assert browser.run("document.querySelector('#tooltip').hidden") is False
    assert most.pieces[most.peak].strip() in browser.run("document.querySelector('#tooltip').textContent")


def test_a_curve_shows_its_values_under_the_pointer_and_the_arrow_keys(browser, page):
    browser.go(page)
    assert "at the end" in browser.run("document.querySelector('.readout').textContent")

    browser.move_to(".chart svg")
    assert all(
        " tokens" in text
        for text in browser.run("[...document.querySelectorAll('.readout')].map((r) => r.textContent)")
    )

    browser.run("document.querySelector('.chart svg').focus()")
    browser.press("ArrowLeft")
    assert " tokens" in browser.run("document.querySelector('.readout').textContent")


def test_highlights_grow_with_activation_and_the_peak_is_underlined(browser, page, rows):
    browser.go(page)
    context = rows[0].groups[0].contexts[0]
    spans = browser.run(
        "[...document.querySelector('.passage').querySelectorAll('.lit')].map((s) => "
        "[s.textContent, Number(s.style.getPropertyValue('--glow')), getComputedStyle(s).textDecorationLine])"
    )
    active = [(piece, value) for piece, value in zip(context.pieces, context.activations, strict=True) if value]

    assert [text.strip() for text, _, _ in spans] == [piece.replace("\n", "⏎").strip() for piece, _ in active]
    glows = [glow for _, glow, _ in spans]
    assert sorted(range(len(glows)), key=glows.__getitem__) == sorted(range(len(active)), key=lambda i: active[i][1])
    assert [line for _, _, line in spans].count("underline") == 1
    assert spans[glows.index(max(glows))][2] == "underline"


def test_hostile_text_is_shown_and_never_run(browser, tmp_path):
    page = write_report(hostile_report(), tmp_path / "hostile.html")
    browser.go(page)

    assert browser.run("window.hacked ?? null") is None
    assert browser.errors == []
    assert browser.run("document.querySelectorAll('img, iframe, object').length") == 0
    shown = browser.run("document.querySelector('.passage').textContent")
    assert HOSTILE[0] in shown
    assert HOSTILE[1] in shown
    assert "⏎" in shown
    assert "⇥" in shown
    assert "\u202e" not in shown


@pytest.mark.parametrize("width", [1440, 1000, 600, 380])
def test_the_page_fits_the_screen(browser, page, rows, width):
    browser.go(page, f"#latent-{rows[3].latent}", width=width)

    assert browser.run("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [1440, 380])
def test_every_text_can_be_read_against_its_background(browser, page, rows, width):
    browser.go(page, f"#latent-{rows[3].latent}", width=width)

    assert browser.run(POOR_CONTRAST) == []


def test_a_narrow_screen_opens_a_latent_under_its_row_and_closes_it_again(browser, page, rows):
    browser.go(page, width=420)
    assert browser.run(OPEN) is None

    click(browser, f"tr[data-latent='{rows[1].latent}'] a")
    assert browser.run("document.querySelector('tr.inline').previousSibling.dataset.latent") == str(rows[1].latent)

    click(browser, ".detail-buttons button:last-child")
    assert browser.run("document.querySelector('tr.inline')") is None
    assert browser.run("document.activeElement.textContent") == f"Latent {rows[1].latent}"


def test_a_page_without_content_says_what_is_missing(browser, tmp_path):
    full = a_report(0)
    bare = full.model_copy(
        update={
            "training": full.training.model_copy(
                update=dict.fromkeys(
                    ("steps", "tokens", "fvu", "loss", "l0", "dead_share", "learning_rate", "settings"), ()
                )
            ),
            "density": full.density.model_copy(update={"edges": (), "counts": (), "dead": 0}),
        }
        | dict.fromkeys(("exclusions", "evaluation", "steering", "timings", "machine", "artifacts", "commands"), ())
    )
    browser.go(write_report(bare, tmp_path / "bare.html"))

    words = browser.run("document.querySelector('main').innerText")
    assert browser.errors == []
    for missing in ("No evaluation", "No densities", "No training curve", "No features", "No steering"):
        assert missing in words


def test_nothing_moves_for_readers_who_asked_for_that(browser, page):
    browser.go(page)
    browser.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])

    moving = browser.run(
        "[...document.querySelectorAll('*')].filter((e) => getComputedStyle(e).transitionProperty !== 'none' "
        "&& parseFloat(getComputedStyle(e).transitionDuration) > 0).length"
    )
    assert moving == 0
