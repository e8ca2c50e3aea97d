import asyncio
import os

import pytest

from mistudio.studio.http.pages import Pages
from tests.studio.http.asking import ask, echo

SCRIPT = "export const words = " + repr("word " * 1000)


@pytest.fixture
def bundle(tmp_path):
    (tmp_path / "static" / "assets").mkdir(parents=True)
    (tmp_path / "static" / "index.html").write_text("<!doctype html><title>miStudio</title>")
    (tmp_path / "static" / "favicon.svg").write_text("<svg/>")
    (tmp_path / "static" / "assets" / "index-abc123.js").write_text(SCRIPT)
    (tmp_path / "secret.txt").write_text("secret")
    return tmp_path / "static"


@pytest.fixture
def pages(bundle):
    return Pages(echo, ("/api", "/health"), bundle)


@pytest.mark.parametrize("address", ["/", "/training/tr-1?tab=log", "/features/x/12", "/index.html"])
def test_every_address_of_a_page_opens_the_pages(pages, address):
    answer = ask(pages, "GET", address)
    assert answer.status_code == 200
    assert "<title>miStudio</title>" in answer.text
    assert answer.headers["cache-control"] == "no-cache"


def test_what_has_a_digest_in_its_name_is_kept_for_ever(pages):
    answer = ask(pages, "GET", "/assets/index-abc123.js")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.text == SCRIPT


def test_text_is_sent_compressed_to_whoever_reads_that(pages):
    answer = ask(pages, "GET", "/assets/index-abc123.js", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < len(SCRIPT) / 5
    assert answer.text == SCRIPT
    plain = ask(pages, "GET", "/assets/index-abc123.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers


def test_a_page_that_is_still_the_same_is_not_sent_again(pages):
    tag = ask(pages, "GET", "/favicon.svg").headers["etag"]
    again = ask(pages, "GET", "/favicon.svg", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/assets/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "//etc/passwd",
    ],
)
def test_no_path_leads_out_of_the_bundle(pages, path):
    async def run():
        sent = []

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}
        await pages(scope, None, send)
        return sent

    sent = asyncio.run(run())
    assert b"secret" not in sent[1]["body"]
    assert b"root:" not in sent[1]["body"]


def test_a_link_in_the_bundle_is_not_followed(bundle):
    (bundle / "leak.txt").symlink_to(bundle.parent / "secret.txt")
    assert "secret" not in ask(Pages(echo, (), bundle), "GET", "/leak.txt").text


def test_an_asset_of_an_earlier_bundle_is_not_found_and_is_no_page(pages):
    answer = ask(pages, "GET", "/assets/index-old999.js")
    assert answer.status_code == 404
    assert "Reload" in answer.json()["error"]["details"]["remedy"]


def test_a_bundle_that_is_built_while_the_studio_runs_is_served(bundle, pages):
    ask(pages, "GET", "/")
    (bundle / "assets" / "index-new.js").write_text("new")
    (bundle / "index.html").write_text("<!doctype html><title>new</title>")
    os.utime(bundle / "index.html", ns=(1, 1))
    assert "<title>new</title>" in ask(pages, "GET", "/").text
    assert ask(pages, "GET", "/assets/index-new.js").text == "new"


def test_without_a_bundle_a_page_says_how_to_build_one(tmp_path):
    answer = ask(Pages(echo, ("/api",), tmp_path / "nothing"), "GET", "/")
    assert answer.status_code == 200
    assert "make ui" in answer.text


def test_pages_are_only_read(pages):
    assert ask(pages, "HEAD", "/").status_code == 200
    answer = ask(pages, "POST", "/training")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/api", "/api/v1/jobs", "/health", "/health/live"])
def test_what_is_not_for_the_pages_goes_to_the_application(pages, path):
    assert ask(pages, "GET", path).text == "0"


def test_an_address_that_only_begins_like_the_applications_is_a_page(pages):
    assert "<title>" in ask(pages, "GET", "/apiary").text
