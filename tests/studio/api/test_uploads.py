"""Uploads over HTTP: as they come, whole or not at all, whatever the client does."""

from __future__ import annotations

import json
import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mistudio.studio.settings import Settings
from tests.studio import workshop as shop
from tests.studio.api import data_sets
from tests.studio.api.data_sets import EMOJI, add, ok, refused
from tests.studio.workshop import Workshop

workshop, settings = shop.workshop, data_sets.settings


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
        ("漢" * 400 + ".parquet", "漢" * 66 + ".parquet"),
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
