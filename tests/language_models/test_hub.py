"""The Hub path, against a local stand-in of the Hub's HTTP interface.

Each case runs in a process of its own, because huggingface_hub reads HF_ENDPOINT when it is imported.
"""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import pytest

from tests.tiny_models import save_tiny_checkpoint

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SCRIPT = """
import sys
from mistudio.errors import MistudioError
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.describe import describe
from mistudio.language_models.loading import load_model

class Bytes:
    done = 0
    def advance(self, stage, done, total, **metrics):
        if stage == "model: download":
            self.done = done
    def checkpoint(self): pass

for argument in sys.argv[1:]:
    source, _, revision = argument.partition("@")
    progress = Bytes()
    try:
        if source.startswith("describe:"):
            print(describe(source.removeprefix("describe:")).parameters)
            continue
        config = ModelConfig(source=source, revision=revision or None, device="cpu", dtype="float32")
        lm = load_model(config, progress=progress)
        print(lm.name, lm.digest, lm.bos_id, lm.d_model, progress.done)
    except MistudioError as error:
        print(type(error).__name__, error.message)
"""


@dataclass
class Hub:
    """Repositories as folders, and the paths that were asked for."""

    root: Path
    cache: Path
    url: str = ""
    asked: list[str] = field(default_factory=list)
    cut_after: int | None = None

    def run(self, *sources: str, **environment: str) -> list[str]:
        """A line for each source (`describe:ID`, `ID@REVISION` or `ID`), from a process that knows only this hub."""
        settings = {
            **os.environ,
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(self.cache),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "OMP_NUM_THREADS": "1",
            **environment,
        }
        command = [sys.executable, "-c", SCRIPT, *sources]
        done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()


class Handler(BaseHTTPRequestHandler):
    """Answers as the Hub does, as far as its client asks."""

    hub: ClassVar[Hub]
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.split("?")[0].strip("/")
        self.hub.asked.append(f"{self.command} {path}")
        parts = path.split("/")
        if path.startswith("api/models/"):
            self.api("/".join(parts[2:4]), parts[4:])
        elif len(parts) > 4 and parts[2] == "resolve":
            self.file(self.hub.root / parts[0] / parts[1] / "/".join(parts[4:]))
        else:
            self.fail(404, "EntryNotFound")

    def api(self, name: str, rest: list[str]) -> None:
        folder = self.hub.root / name
        if name == "tiny/gated":
            self.fail(403, "GatedRepo")
        elif not folder.is_dir():
            self.fail(401, "RepoNotFound")
        elif rest[:1] == ["revision"] and rest[1] not in ("main", "v1", COMMIT):
            self.fail(404, "RevisionNotFound")
        else:
            files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
            tree = [
                {"type": "file", "path": name, "size": path.stat().st_size, "oid": _etag(path)}
                for name, path in files.items()
            ]
            info = {"id": name, "sha": COMMIT, "siblings": [{"rfilename": name} for name in files]}
            self.send(json.dumps(tree if rest[:1] == ["tree"] else info).encode())

    def file(self, path: Path) -> None:
        if path.is_file():
            self.send(path.read_bytes(), {"ETag": f'"{_etag(path)}"', "X-Repo-Commit": COMMIT})
        else:
            self.fail(404, "EntryNotFound")

    def send(self, content: bytes, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        self.send_response(200)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        cut = self.hub.cut_after
        if self.command == "GET":
            self.wfile.write(content[:cut])
            self.close_connection = cut is not None and cut < len(content)

    def fail(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _etag(path: Path) -> str:
    return hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(root=tmp_path / "hub", cache=tmp_path / "cache")
    save_tiny_checkpoint(hub.root / "tiny" / "llama")
    (hub.root / "tiny" / "llama" / "onnx").mkdir()
    (hub.root / "tiny" / "llama" / "onnx" / "config.json").write_text("{}")
    (hub.root / "tiny" / "llama" / "pytorch_model.bin").write_bytes(b"a pickle")
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("HandlerOfThisHub", (Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield hub
    server.shutdown()
    server.server_close()


def test_a_hub_model_is_fetched_once_and_loads_again_without_the_hub(hub):
    described, first, second = hub.run("describe:tiny/llama", "tiny/llama", "tiny/llama")
    name, digest, bos, width, fetched = first.split()
    assert (name, digest, bos, width) == ("tiny/llama", f"hub:tiny/llama@{COMMIT}", "0", "32")
    assert described == "51488"
    assert int(fetched) > 200_000
    assert second.split()[:2] == [name, digest]
    files = [path for path in hub.asked if path.startswith("GET") and "/resolve/" in path]
    assert sum("model.safetensors" in path for path in files) == 1
    assert len(files) == len(set(files))
    assert not any("onnx" in path or "pytorch_model.bin" in path for path in hub.asked)
    hub.asked.clear()
    known, unknown = hub.run("tiny/llama", "tiny/never-fetched", HF_HUB_OFFLINE="1")
    assert known.split()[:2] == [name, digest]
    assert unknown.startswith("UnknownModel There is no directory or .gguf file tiny/never-fetched here")
    assert hub.asked == []


def test_what_the_hub_refuses_is_one_sentence_each(hub):
    (hub.root / "tiny" / "data").mkdir()
    (hub.root / "tiny" / "data" / "readme.json").write_text("{}")
    (hub.root / "tiny" / "pickled").mkdir()
    (hub.root / "tiny" / "pickled" / "config.json").write_text("{}")
    (hub.root / "tiny" / "pickled" / "pytorch_model.bin").write_bytes(b"a pickle")
    unknown, gated, revised, missing, data, pickled = hub.run(
        "tiny/lama", "tiny/gated", "tiny/llama@v1", "tiny/llama@v2", "tiny/data", "tiny/pickled"
    )
    assert unknown.startswith("UnknownModel There is no model tiny/lama:")
    assert gated.startswith("UnknownModel tiny/gated is on the Hub, but its authors ask you to accept their terms")
    assert revised.split()[1] == f"hub:tiny/llama@{COMMIT}"
    assert missing == "UnknownModel tiny/llama has no revision 'v2' on the Hub."
    assert data == "FormatUnsupported tiny/data on the Hub is not a model for transformers: it has no config.json."
    assert pickled.startswith("FormatUnsupported tiny/pickled must have its weights as model.safetensors")
    assert not any("pytorch_model.bin" in path for path in hub.asked)


def test_an_unreachable_hub_is_one_sentence(hub):
    (said,) = hub.run("tiny/llama", HF_ENDPOINT="http://127.0.0.1:9")
    assert said.startswith("UnknownModel There is no directory or .gguf file tiny/llama here")
    assert said.endswith("the Hub cannot be reached.")


@pytest.mark.slow
def test_a_download_that_breaks_off_is_one_sentence_and_the_next_one_succeeds(hub):
    hub.cut_after = 50_000
    (said,) = hub.run("tiny/llama")
    assert said.startswith("DownloadFailed The download of tiny/llama from the Hub broke off")
    hub.cut_after = None
    (said,) = hub.run("tiny/llama")
    assert said.split()[0] == "tiny/llama"
