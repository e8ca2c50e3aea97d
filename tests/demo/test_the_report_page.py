"""The page as a file: whole, self-contained, and closed to whatever the text in it contains."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import random
import re
from html.parser import HTMLParser
from importlib import resources

import pytest
from pydantic import ValidationError

from mistudio.demo.content import Context, DensityHistogram, QualityNumber, ReportContent, TokenLogit, Training
from mistudio.demo.report import SCRIPTS, render_report, write_report
from tests.demo.made_up import a_report, hostile_report

MEGABYTES = 1e6
SOURCES = resources.files("mistudio.demo").joinpath("report")


class Elements(HTMLParser):
    """The elements of a page in order, and the text in each kind."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def data_of(page: str) -> str:
    found = re.search(r'<script type="application/json" id="content">(.*?)</script>', page, re.DOTALL)
    assert found
    return found[1]


def test_the_content_in_the_page_is_the_content_that_was_given():
    content = a_report()

    assert json.loads(data_of(render_report(content))) == json.loads(content.model_dump_json())


def test_the_content_survives_a_round_trip_through_json():
    content = a_report().model_copy(update={"features": a_report(0).features})

    again = ReportContent.model_validate_json(content.model_dump_json())

    assert again.model_dump_json() == content.model_dump_json()


def test_hostile_text_cannot_end_the_script_that_carries_it():
    content = hostile_report()
    page = render_report(content)

    assert not re.search("[<>&\u2028\u2029]", data_of(page))
    assert json.loads(data_of(page)) == json.loads(content.model_dump_json())
    assert [tag for tag, _ in Elements(page).elements if tag == "script"] == ["script", "script"]
    assert "img" not in {tag for tag, _ in Elements(page).elements}


def test_the_title_is_text_and_not_markup():
    content = a_report().model_copy(update={"title": "</title><script>alert(1)</script> $data & more"})

    assert f"<title>{html.escape(content.title)}</title>" in render_report(content)


def test_the_page_names_no_other_place():
    page = render_report(a_report())

    attributes = [value or "" for _, attrs in Elements(page).elements for name, value in attrs.items() if name != "id"]
    assert not [value for value in attributes if re.match(r"(https?:)?//|file:", value)]
    assert "@import" not in page
    assert "url(" not in page
    places = set(re.findall(r"https?://[^\s\"'<>]+", page))
    assert places == {"http://www.w3.org/2000/svg"}, "the name of the SVG language, which nobody fetches"


def test_the_policy_allows_this_script_and_style_and_nothing_else():
    page = render_report(a_report())
    policy = next(attrs["content"] or "" for tag, attrs in Elements(page).elements if "http-equiv" in attrs)

    def digest(pattern: str) -> str:
        source = re.search(pattern, page, re.DOTALL)
        assert source
        return base64.b64encode(hashlib.sha256(source[1].encode()).digest()).decode()

    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest('<script>(.*?)</script>')}'" in policy
    assert f"style-src 'sha256-{digest('<style>(.*?)</style>')}'" in policy


def test_the_scripts_make_no_markup_from_text():
    for path in SOURCES.joinpath("js").iterdir():
        source = path.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", source)


def test_every_script_is_on_the_page_and_short_enough_to_read():
    files = {path.name.removesuffix(".js"): path for path in SOURCES.joinpath("js").iterdir()}

    assert sorted(files) == sorted(SCRIPTS)
    for path in files.values():
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 250, path.name


def test_a_page_of_two_hundred_features_weighs_at_most_three_megabytes():
    chance = random.Random(1)
    words = ["".join(chance.choices("aeioustrnl", k=chance.randint(4, 9))) for _ in range(400)]
    texts = [" ".join(chance.choices(words, k=3000)) for _ in range(10)]

    content = a_report(200, texts, contexts=2)  # 14 passages of 33 tokens, as many as the demo shows

    assert len(content.features.rows) == 200
    assert len(render_report(content).encode()) <= 3 * MEGABYTES


def test_a_page_is_written_into_a_new_folder_and_replaces_an_older_one(tmp_path):
    path = tmp_path / "new" / "report.html"

    assert write_report(a_report(2), path) == path
    write_report(a_report(3), path)

    assert path.read_text(encoding="utf-8") == render_report(a_report(3))
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_could_not_be_computed_is_unknown_and_not_invalid_json(value):
    number = QualityNumber(name="KL", value=value, definition="…")
    token = TokenLogit(token="a", logit=value)

    assert json.loads(number.model_dump_json())["value"] is None
    assert json.loads(token.model_dump_json())["logit"] is None


def test_measurements_are_written_with_four_digits_and_whole_numbers_without_a_point():
    context = Context(document="d", pieces=("a", "b", "c"), activations=(0.0, 12.345678, None), peak=1)

    assert '"activations":[0,12.35,null]' in context.model_dump_json()
    assert '"value":102144.123' in QualityNumber(name="n", value=102144.123, definition="…").model_dump_json()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Context(document="d", pieces=("a", "b"), activations=(1.0,), peak=0), "2 pieces have 1 activations"),
        (lambda: Context(document="d", pieces=("a",), activations=(1.0,), peak=1), "the peak is token 1 of 1"),
        (lambda: DensityHistogram(edges=(0.0, 1.0), counts=(1, 2)), "2 intervals need 3 edges, not 2"),
        (
            lambda: Training(
                latents=1, active=1, tokens_trained=1, seconds=1, tokens_per_second=1, tokens=(1, 2), fvu=(1.0,)
            ),
            "fvu has 1 entries where tokens has 2",
        ),
    ],
)
def test_lists_that_do_not_fit_together_are_refused_in_words(make, words):
    with pytest.raises(ValidationError, match=re.escape(words)):
        make()
