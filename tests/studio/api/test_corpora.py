"""Data sets over HTTP: a real server, a real database, real jobs on real files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from mistudio.artifacts.kinds import Kind
from mistudio.studio.settings import Settings
from tests.studio import workshop as shop
from tests.studio.api import data_sets
from tests.studio.api.data_sets import EMOJI, add, lines, ok, refused
from tests.studio.serving import serving
from tests.studio.workshop import Workshop

workshop, settings, folder, letters = shop.workshop, data_sets.settings, data_sets.folder, data_sets.letters


# ── adding ───────────────────────────────────────────────────────────────────────────────────────


def test_a_file_becomes_a_data_set_that_is_listed(
    client: httpx.Client,
    workshop: Workshop,
    folder: Path,
) -> None:
    made = add(client, workshop, lines(folder / "my letters.jsonl", [EMOJI, "two", "three", "four"]), held_out=0.25)
    assert (made["name"], made["documents"], made["held_out_documents"]) == ("my-letters", 4, 1)
    assert made["sources"] == [str(folder / "my letters.jsonl")]
    assert made["tokenizations"] == 0
    page = client.get("/datasets", params={"search": "LETT", "sortBy": "documents", "order": "asc"}).json()
    assert [row["id"] for row in page["data"]] == [made["id"]]
    assert page["pagination"] == {"page": 1, "limit": 50, "total": 1, "has_next": False}
    assert ok(client.get("/datasets/my-letters")) == made


def test_names_that_nobody_gave_are_all_different(
    client: httpx.Client,
    workshop: Workshop,
    folder: Path,
) -> None:
    path = lines(folder / "text.jsonl", ["one"])
    jobs = [ok(client.post("/datasets", json={"config": {"sources": [str(path)]}}), 202)["job"] for _ in range(3)]
    assert [job["request"]["name"] for job in jobs] == ["text", "text-2", "text-3"]
    workshop.work("analysis")
    assert add(client, workshop, path)["name"] == "text-4"


def test_a_name_that_is_taken_is_refused(client: httpx.Client, workshop: Workshop, folder: Path) -> None:
    made = add(client, workshop, lines(folder / "text.jsonl", ["one"]))
    again = {"name": made["name"], "config": {"sources": [str(folder / "text.jsonl")]}}
    refused(client.post("/datasets", json=again), 409, "ArtifactExists")


@pytest.mark.parametrize("sources", [[], [""], ["no/such/thing/x"], ["./nothing.txt"], ["/"], ["a\u0000b.txt"]])
def test_what_is_no_source_is_refused_before_there_is_a_job(client: httpx.Client, sources: list[str]) -> None:
    response = client.post("/datasets", json={"config": {"sources": sources}})
    assert response.status_code in (403, 404, 422), response.text
    assert ok(client.get("/jobs")) == []


# ── what may be read ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def secrets(settings: Settings, tmp_path: Path) -> list[str]:
    """Paths to what may not be read: outside, by dots, by links, and inside the studio's own folder."""
    outside = tmp_path / "outside"
    outside.mkdir()
    lines(outside / "secret.jsonl", ["secret"])
    data = tmp_path / "data"
    (data / "link.jsonl").symlink_to(outside / "secret.jsonl")
    (data / "folder-link").symlink_to(outside)
    (data / "with-link").mkdir()
    (data / "with-link" / "inner.jsonl").symlink_to(outside / "secret.jsonl")
    (data / "loop").symlink_to(data / "loop")
    (settings.studio_dir / "jobs").mkdir(parents=True, exist_ok=True)
    (settings.studio_dir / "jobs" / "log.txt").write_text("secret", encoding="utf-8")
    return [
        str(outside / "secret.jsonl"),
        str(outside / "nothing.jsonl"),
        f"{data}/../outside/secret.jsonl",
        f"{data}/with-link/../../outside/secret.jsonl",
        str(data / "link.jsonl"),
        str(data / "folder-link"),
        str(data / "folder-link" / "secret.jsonl"),
        str(data / "with-link"),
        "/etc/passwd",
        "/proc/self/environ",
        "~root/.ssh/config.txt",
        str(settings.studio_dir / "jobs" / "log.txt"),
        str(settings.studio_dir),
        str(settings.home),
        "upload:../jobs/log.txt",
        "upload:",
        "upload:/etc/passwd",
    ]


def test_nothing_outside_of_the_readable_folders_is_read(
    client: httpx.Client, folder: Path, secrets: list[str]
) -> None:
    for path in secrets:
        for response in (
            client.post("/datasets/preview", json={"source": path}),
            client.post("/datasets", json={"config": {"sources": [path]}}),
        ):
            error = refused(response, 403, "Forbidden")
            assert "secret" not in error["message"].replace(path, "")
    assert client.post("/datasets/preview", json={"source": str(folder / "loop")}).status_code in (404, 422)
    assert ok(client.get("/jobs")) == []


def test_the_refusal_names_the_way_out(client: httpx.Client, folder: Path) -> None:
    error = refused(client.post("/datasets/preview", json={"source": "/etc/hosts.txt"}), 403, "Forbidden")
    assert "MISTUDIO_DATA_ROOTS" in error["details"]["remedy"]


def test_what_is_neither_a_path_nor_a_name_of_the_hub_is_called_so(client: httpx.Client, folder: Path) -> None:
    error = refused(client.post("/datasets/preview", json={"source": "asdf qwer !!"}), 404, "NotFound")
    assert "neither the path of a file or folder here nor a name on the Hugging Face Hub" in error["message"]


def test_a_name_that_cannot_be_is_refused_in_words(client: httpx.Client, folder: Path) -> None:
    wanted = {"config": {"sources": [str(folder)]}, "name": "no spaces!"}
    error = refused(client.post("/datasets", json=wanted), 422, "BadInput")
    assert error["message"].startswith("name: a name has at most 100 letters")


def test_a_folder_of_too_many_files_is_not_looked_through_for_ever(
    client: httpx.Client, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mistudio.studio.api.corpora._LINKS_SECONDS", -1.0)
    error = refused(client.post("/datasets/preview", json={"source": str(folder)}), 422, "BadInput")
    assert "too many files" in error["message"]


def test_links_that_stay_within_the_folders_are_followed(client: httpx.Client, folder: Path) -> None:
    lines(folder / "real.jsonl", ["hello"])
    (folder / "alias.jsonl").symlink_to(folder / "real.jsonl")
    assert (
        ok(client.post("/datasets/preview", json={"source": str(folder / "alias.jsonl")}))["rows"][0]["text"] == "hello"
    )


# ── looking before adding ────────────────────────────────────────────────────────────────────────


def test_a_preview_shows_rows_and_columns(client: httpx.Client, folder: Path) -> None:
    seen = ok(
        client.post("/datasets/preview", json={"source": str(lines(folder / "a.jsonl", [EMOJI] * 30)), "rows": 3})
    )
    assert (seen["origin"], seen["formats"], seen["text_column"]) == ("file", ["jsonl"], "text")
    assert [row["text"] for row in seen["rows"]] == [EMOJI] * 3
    assert [column["type"] for column in seen["columns"]] == ["text", "number"]


def test_a_preview_of_junk_says_what_is_wrong(client: httpx.Client, folder: Path) -> None:
    (folder / "junk.txt").write_bytes(bytes(range(256)) * 100)
    error = refused(client.post("/datasets/preview", json={"source": str(folder / "junk.txt")}), 422, "BadInput")
    assert "not UTF-8" in error["message"]


def test_an_unknown_data_set_of_the_hub_is_answered_for_within_ten_seconds(client: httpx.Client) -> None:
    began = time.monotonic()
    response = client.post("/datasets/preview", json={"source": "nobody/nothing-of-that-name"})
    assert time.monotonic() - began < 10
    assert response.status_code in (404, 502), response.text


def test_a_preview_that_takes_too_long_is_given_up(client: httpx.Client, folder: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("mistudio.studio.api.corpora._PREVIEW_SECONDS", 0.05)
    error = refused(client.post("/datasets/preview", json={"source": str(lines(folder / "a.jsonl", ["x"]))}), 502,
                    "DownloadFailed")  # fmt: skip
    assert error["retryable"]


# ── documents ────────────────────────────────────────────────────────────────────────────────────


def test_documents_are_paged_in_their_order(client: httpx.Client, letters: dict[str, Any]) -> None:
    address = f"/datasets/{letters['id']}/samples"
    pages = [client.get(address, params={"page": page, "limit": 25}).json() for page in (1, 2, 3, 4)]
    assert [row["doc"] for page in pages for row in page["data"]] == list(range(60))
    assert [page["pagination"]["has_next"] for page in pages] == [True, True, False, False]
    assert all(page["scan"]["complete"] for page in pages)
    first = pages[0]["data"][0]
    assert first["text"].startswith(f"Letter 0 {EMOJI}: ")
    assert first["characters"] == len(first["text"])
    assert first["metadata"] == {"year": 1790}


def test_texts_are_cut_and_shown_whole_one_by_one(client: httpx.Client, letters: dict[str, Any]) -> None:
    address = f"/datasets/{letters['id']}/samples"
    short = client.get(address, params={"characters": 12, "limit": 1}).json()["data"][0]
    assert short["text"] == f"Letter 0 {EMOJI}"[:12]
    whole = ok(client.get(f"{address}/0"))
    assert len(whole["text"]) == whole["characters"] == short["characters"]
    part = ok(client.get(f"{address}/0", params={"offset": 9, "characters": 5}))
    assert (part["text"], part["offset"]) == (whole["text"][9:14], 9)
    refused(client.get(f"{address}/60"), 404, "NotFound")
    refused(client.get(f"{address}/-1"), 422, "BadInput")


def test_documents_are_searched_and_filtered(client: httpx.Client, letters: dict[str, Any]) -> None:
    address = f"/datasets/{letters['id']}/samples"
    found = client.get(address, params={"search": "letter 5"}).json()
    assert [row["doc"] for row in found["data"]] == [5, *range(50, 60)]
    assert found["scan"] == {"documents_searched": 60, "documents": 60, "complete": True}
    held_out = client.get(address, params={"split": "held_out"}).json()
    assert held_out["pagination"]["total"] == 12
    assert all(row["held_out"] for row in held_out["data"])
    assert client.get(address, params={"search": "漢字", "split": "train"}).json()["pagination"]["total"] == 48
    assert client.get(address, params={"search": "nowhere"}).json()["data"] == []


def test_statistics_are_counted_once(
    client: httpx.Client, letters: dict[str, Any], settings: Settings, monkeypatch: Any
) -> None:
    address = f"/datasets/{letters['id']}/statistics"
    found = ok(client.get(address))
    assert (found["documents"], found["documents_held_out"]) == (60, 12)
    assert found["characters"] == letters["characters"]
    assert found["metadata"][0]["name"] == "year"
    monkeypatch.setattr("mistudio.studio.api.corpora._COUNT_SECONDS", 0.0)
    assert ok(client.get(address)) == found
    (settings.derived_dir / f"{letters['id']}.json").write_text("{}", encoding="utf-8")
    refused(client.get(address), 409, "NotAllowedNow")


def test_what_is_broken_on_disk_is_named(client: httpx.Client, letters: dict[str, Any], settings: Settings) -> None:
    path = settings.store.path(Kind.CORPUS, letters["name"]) / "documents.parquet"
    path.write_bytes(path.read_bytes()[:-10])
    error = refused(client.get(f"/datasets/{letters['id']}/samples"), 422, "ArtifactBroken")
    assert "documents.parquet" in error["message"]


@pytest.mark.parametrize("address", ["/datasets/x", "/tokenizations/x", "/datasets/x/samples", "/datasets/x/statistics",
                                     "/tokenizations/x/samples", "/tokenizations/x/statistics", "/datasets/%00",
                                     "/datasets/x/tokenizations"])  # fmt: skip
def test_what_there_is_not_is_said_so(client: httpx.Client, address: str) -> None:
    assert client.get(address).status_code in (404, 422)


# ── with tokens ──────────────────────────────────────────────────────────────────────────────────


def test_only_folders_that_were_named_are_read_where_others_can_reach_the_studio(
    settings: Settings, folder: Path, tmp_path: Path
) -> None:
    lines(folder / "a.jsonl", ["x"])
    token = "operator-token-0123456789"
    public = settings.model_copy(update={"host": "0.0.0.0", "api_tokens": f"operator:{token}", "data_roots": ""})
    headers = {"authorization": f"Bearer {token}"}
    with serving(public) as url, httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=30) as client:
        refused(client.post("/datasets/preview", json={"source": str(folder / "a.jsonl")}), 403, "Forbidden")
        refused(client.post("/datasets/preview", json={"source": str(Path.home())}), 403, "Forbidden")
        sent = ok(client.post("/datasets/upload", files={"file": ("a.jsonl", b'{"text": "x"}\n')}), 201)
        ok(client.post("/datasets/preview", json={"source": sent["source"]}))
