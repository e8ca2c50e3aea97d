"""Data sets and tokenizations over HTTP: a real server, a real database, real jobs on real files."""

from __future__ import annotations

import json
import resource
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mistudio.artifacts.kinds import Kind
from mistudio.studio.settings import Settings
from tests.studio import workshop as shop
from tests.studio.serving import serving
from tests.studio.workshop import Workshop
from tests.tiny_models import save_tiny_checkpoint

workshop = shop.workshop
EMOJI = "👩‍👩‍👧 family · 漢字 · ﷽ · e\u0301 · \u202eabc"


@pytest.fixture
def folder(settings: Settings) -> Path:
    """A folder of the user's, which the studio may read."""
    path = settings.home.parent / "data"
    path.mkdir()
    return path


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """A studio that may read `data` beside its home, and takes uploads up to a mebibyte."""
    return settings.model_copy(update={"data_roots": str(tmp_path / "data"), "max_upload_bytes": 2**20})


def lines(path: Path, texts: list[str]) -> Path:
    """A file of JSON lines."""
    rows = ({"text": text, "year": 1790 + number} for number, text in enumerate(texts))
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def ok(response: httpx.Response, status: int = 200) -> Any:
    """What was answered."""
    assert response.status_code == status, response.text
    return response.json()["data"]


def refused(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Why it was refused."""
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    assert error["code"] == code, error
    assert error["details"]["remedy"]
    return error


def add(client: httpx.Client, workshop: Workshop, source: Path | str, **config: Any) -> dict[str, Any]:
    """Add a data set and wait for it."""
    job = ok(client.post("/datasets", json={"config": {"sources": [str(source)], **config}}), 202)["job"]
    workshop.work("analysis")
    job = ok(client.get(f"/jobs/{job['id']}"))
    assert job["state"] == "completed", job
    return ok(client.get(f"/datasets/{job['result']['id']}"))


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
    refused(client.post("/datasets/preview", json={"source": str(folder / "loop")}), 422, "BadInput")
    assert ok(client.get("/jobs")) == []


def test_the_refusal_names_the_way_out(client: httpx.Client, folder: Path) -> None:
    error = refused(client.post("/datasets/preview", json={"source": "/etc/hosts.txt"}), 403, "Forbidden")
    assert "MISTUDIO_DATA_ROOTS" in error["details"]["remedy"]


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


# ── uploads ──────────────────────────────────────────────────────────────────────────────────────


def upload(client: httpx.Client, content: bytes, name: str = "letters.jsonl", part: str = "file") -> httpx.Response:
    """Send a file."""
    return client.post("/datasets/upload", files={part: (name, content)})


def left(settings: Settings) -> list[Path]:
    """What uploads left on disk."""
    return sorted(path for path in settings.uploads_dir.rglob("*") if path.is_file())


def test_an_upload_is_previewed_added_and_removed(
    client: httpx.Client,
    workshop: Workshop,
    settings: Settings,
) -> None:
    content = json.dumps({"text": EMOJI}).encode() + b"\n"
    sent = ok(upload(client, content), 201)
    assert (sent["name"], sent["bytes"]) == ("letters.jsonl", len(content))
    assert ok(client.post("/datasets/preview", json={"source": sent["source"]}))["rows"][0]["text"] == EMOJI
    assert [path.read_bytes() for path in left(settings)] == [content]
    made = add(client, workshop, sent["source"])
    assert (made["name"], made["sources"]) == ("letters", ["letters.jsonl"])
    assert left(settings) == []
    assert list(settings.uploads_dir.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("..\\..\\boot.csv", "boot.csv"),
        ("/abs/olute.md", "olute.md"),
        ("漢字 🦊.TXT", "漢字.txt"),
        (".hidden.json", "hidden.json"),
        ("a" * 400 + ".jsonl", "a" * 100 + ".jsonl"),
        ("$(rm -rf).txt", "rm--rf.txt"),
    ],
)
def test_names_of_uploads_are_made_harmless(client: httpx.Client, settings: Settings, given: str, kept: str) -> None:
    assert ok(upload(client, b"text\n", given), 201)["name"] == kept
    assert [path.name for path in left(settings)] == [kept]


def test_binary_content_arrives_as_it_is(client: httpx.Client, settings: Settings) -> None:
    content = bytes(range(256)) * 3000 + b"\r\n--boundary\r\n--\r\n"
    assert ok(upload(client, content, "binary.parquet"), 201)["bytes"] == len(content)
    assert left(settings)[0].read_bytes() == content


def test_what_is_no_upload_of_text_is_refused_and_leaves_nothing(client: httpx.Client, settings: Settings) -> None:
    refused(upload(client, b"MZ", "virus.exe"), 422, "BadInput")
    refused(upload(client, b"x", "letters"), 422, "BadInput")
    refused(upload(client, b"x", part="other"), 422, "BadInput")
    refused(client.post("/datasets/upload", json={}), 422, "BadInput")
    refused(client.post("/datasets/upload", content=b"junk", headers={"content-type": "multipart/form-data"}), 422,
            "BadInput")  # fmt: skip
    broken = {"content-type": "multipart/form-data; boundary=b"}
    for body in (
        b"",
        b"junk",
        b"--b\r\n",
        b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\nx',
    ):
        refused(client.post("/datasets/upload", content=body, headers=broken), 422, "BadInput")
    two = [("file", ("a.txt", b"a")), ("file", ("b.txt", b"b"))]
    refused(client.post("/datasets/upload", files=two), 422, "BadInput")
    assert left(settings) == []


def test_an_upload_that_is_too_large_is_stopped_while_it_comes(client: httpx.Client, settings: Settings) -> None:
    refused(upload(client, b"x" * (2**20 + 1)), 413, "TooLarge")

    def unending() -> Iterator[bytes]:
        yield b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        for _ in range(500):
            yield b"x" * 2**16

    headers = {"content-type": "multipart/form-data; boundary=b"}
    try:
        response = client.post("/datasets/upload", content=unending(), headers=headers)
        refused(response, 413, "TooLarge")
    except httpx.WriteError:  # The answer came while the client was still sending.
        pass
    deadline = time.monotonic() + 5
    while left(settings) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left(settings) == []


def test_a_client_that_hangs_up_leaves_nothing(client: httpx.Client, settings: Settings) -> None:
    def breaks_off() -> Iterator[bytes]:
        yield b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        yield b"x" * 2**19
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        client.post(
            "/datasets/upload", content=breaks_off(), headers={"content-type": "multipart/form-data; boundary=b"}
        )
    deadline = time.monotonic() + 5
    while left(settings) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left(settings) == []


def test_a_full_disk_is_said_so(client: httpx.Client, settings: Settings) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        response = upload(client, b"x" * 2**19)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    refused(response, 507, "DiskFull")
    assert left(settings) == []


def test_uploads_come_side_by_side(client: httpx.Client, settings: Settings) -> None:
    contents = [f"text {number} ".encode() * 40_000 for number in range(6)]
    sent: list[Any] = [None] * 6

    def send(number: int) -> None:
        sent[number] = ok(upload(client, contents[number], "same.txt"), 201)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({each["source"] for each in sent}) == 6
    for each, content in zip(sent, contents, strict=True):
        assert (settings.uploads_dir / each["source"].removeprefix("upload:")).read_bytes() == content


# ── documents ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def letters(client: httpx.Client, workshop: Workshop, folder: Path) -> dict[str, Any]:
    """A data set of 60 letters, 12 of them held out."""
    texts = [f"Letter {number} {EMOJI}: " + "the people of the nation are free. " * 5 for number in range(60)]
    return add(client, workshop, lines(folder / "letters.jsonl", texts), held_out=0.2)


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


# ── tokenizations ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def tokenization(
    client: httpx.Client,
    workshop: Workshop,
    letters: dict[str, Any],
    tmp_path: Path,
) -> dict[str, Any]:
    """The letters, tokenized for a tiny model."""
    model = save_tiny_checkpoint(tmp_path / "data" / "tiny")
    ok(client.post("/models", json={"config": {"source": str(model)}}), 202)
    wanted = {"model_id": "tiny", "config": {"context_length": 32}}
    workshop.work("analysis")
    job = ok(client.post(f"/datasets/{letters['name']}/tokenizations", json=wanted), 202)["job"]
    assert job["title"] == "Tokenize letters for tiny"
    workshop.work("analysis")
    job = ok(client.get(f"/jobs/{job['id']}"))
    assert job["state"] == "completed", job
    return ok(client.get(f"/tokenizations/{job['result']['id']}"))


def test_a_data_set_is_tokenized_for_a_model(
    client: httpx.Client, letters: dict[str, Any], tokenization: dict[str, Any]
) -> None:
    assert tokenization["name"] == "letters-tiny"
    assert tokenization["dataset"] == {"id": letters["id"], "name": "letters"}
    assert tokenization["model"]["name"] == "tiny"
    assert tokenization["config"]["context_length"] == tokenization["context_length"] == 32
    assert tokenization["tokens"] == 32 * tokenization["contexts"] > tokenization["text_tokens"] > 0
    assert 0 < tokenization["contexts_held_out"] < tokenization["contexts"]
    assert ok(client.get(f"/datasets/{letters['id']}"))["tokenizations"] == 1
    for address, params in (
        (f"/datasets/{letters['id']}/tokenizations", {}),
        ("/tokenizations", {"dataset_id": letters["id"], "model_id": tokenization["model"]["id"]}),
        ("/tokenizations", {"search": "TINY", "sortBy": "tokens"}),
    ):
        assert ok(client.get(address, params=params)) == [tokenization]
    assert ok(client.get("/tokenizations", params={"dataset_id": "another"})) == []


def test_contexts_show_a_piece_for_every_token(client: httpx.Client, tokenization: dict[str, Any]) -> None:
    address = f"/tokenizations/{tokenization['id']}/samples"
    page = client.get(address, params={"limit": 40}).json()
    assert page["pagination"]["total"] == tokenization["contexts"]
    for sample in page["data"]:
        assert len(sample["ids"]) == len(sample["pieces"]) == len(sample["special"]) == 32
        assert sample["special"][0]
        assert sample["pieces"][0] == "<|bos|>"
    shown = [pair for sample in page["data"][:12] for pair in zip(sample["pieces"], sample["special"], strict=True)]
    text = "".join(piece for piece, special in shown if not special)
    assert "漢字" in text
    assert "the people of the nation are free." in text
    held_out = client.get(address, params={"split": "held_out"}).json()
    assert held_out["pagination"]["total"] == tokenization["contexts_held_out"]
    assert all(sample["held_out"] for sample in held_out["data"])
    drawn = [client.get(address, params={"seed": seed, "limit": 5}).json()["data"] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_statistics_of_tokens_name_the_most_frequent(client: httpx.Client, tokenization: dict[str, Any]) -> None:
    found = ok(client.get(f"/tokenizations/{tokenization['id']}/statistics"))
    assert found["text_tokens"] == tokenization["text_tokens"]
    assert found["most_frequent"][0]["count"] >= found["most_frequent"][1]["count"]
    assert {" th", " nation"} <= {each["text"] for each in found["most_frequent"]}


def test_tokens_outlive_their_model_and_their_data_set(
    client: httpx.Client,
    tokenization: dict[str, Any],
    workshop: Workshop,
) -> None:
    ok(client.get(f"/tokenizations/{tokenization['id']}/samples", params={"limit": 1}))
    for address in (f"/datasets/{tokenization['dataset']['id']}", f"/models/{tokenization['model']['id']}"):
        error = refused(client.delete(address), 409, "StillUsed")
        assert error["details"]["used_by"] == [
            {"entity": "tokenization", "id": tokenization["id"], "name": "letters-tiny"}
        ]
        assert "letters-tiny" in error["message"]
        ok(client.delete(address, params={"force": True}), 202)
    workshop.work("analysis")
    alone = ok(client.get(f"/tokenizations/{tokenization['id']}"))
    assert (alone["dataset"], alone["model"]) == (None, None)
    assert alone["tokenizer"].endswith("models/tiny")
    ok(client.get(f"/tokenizations/{tokenization['id']}/samples", params={"limit": 1}))


def test_tokens_whose_tokenizer_is_gone_say_so(
    client: httpx.Client, tokenization: dict[str, Any], settings: Settings
) -> None:
    shutil.rmtree(settings.store.path(Kind.MODEL, "tiny"))
    shutil.rmtree(settings.derived_dir, ignore_errors=True)
    response = client.get(f"/tokenizations/{tokenization['id']}/samples")
    assert response.status_code in (404, 422), response.text


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
        sent = ok(upload(client, b'{"text": "x"}\n'), 201)
        ok(client.post("/datasets/preview", json={"source": sent["source"]}))
