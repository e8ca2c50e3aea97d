"""Models over HTTP: real jobs, a real engine, a stand-in of the Hub, and a token that nobody may see."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from mistudio.studio.settings import Settings
from tests.studio import workshop as shop
from tests.studio.engine.conftest import EngineProcess
from tests.studio.serving import serving
from tests.studio.workshop import Workshop
from tests.tiny_models import save_tiny_checkpoint

workshop = shop.workshop
TOKEN = "hf_" + "SecretOfTheUser0123456789"
COMMIT = "a" * 40


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """A studio that may read `data` beside its home."""
    (tmp_path / "data").mkdir()
    return settings.model_copy(update={"data_roots": str(tmp_path / "data")})


@pytest.fixture
def checkpoint(tmp_path: Path, settings: Settings) -> Path:
    """A model as others keep it on disk."""
    return save_tiny_checkpoint(tmp_path / "data" / "tiny")


@pytest.fixture
def engine(settings: Settings) -> Iterator[EngineProcess]:
    """The engine of the studio."""
    folder = Path(settings.engine_address.removeprefix("unix:")).parent
    folder.mkdir(parents=True, exist_ok=True)
    process = EngineProcess(settings.home, folder)
    yield process
    process.kill()


def ok(response: httpx.Response, status: int = 200) -> Any:
    """What was answered."""
    assert response.status_code == status, response.text
    return response.json()["data"]


def refused(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Why it was refused."""
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    assert error["code"] == code, error
    return error


def add(client: httpx.Client, workshop: Workshop, source: Path, **more: Any) -> dict[str, Any]:
    """Add a model and wait for it."""
    job = ok(client.post("/models", json={"config": {"source": str(source), **more}}), 202)["job"]
    workshop.work("analysis")
    job = ok(client.get(f"/jobs/{job['id']}"))
    assert job["state"] == "completed", job
    return ok(client.get(f"/models/{job['result']['id']}"))


def test_a_directory_becomes_a_model_that_says_what_it_is(
    client: httpx.Client, workshop: Workshop, checkpoint: Path
) -> None:
    made = add(client, workshop, checkpoint, dtype="float32")
    assert (made["name"], made["source"], made["dtype"], made["quantize"]) == (
        "tiny", str(checkpoint), "float32", None,
    )  # fmt: skip
    assert (made["d_model"], made["n_layers"], made["vocab_size"]) == (32, 4, 320)
    assert ok(client.get("/models", params={"search": "TIN", "sortBy": "bytes"})) == [made]
    assert ok(client.get("/models/tiny")) == made
    # The job wrote it down: no engine runs here.
    described = ok(client.get("/models/tiny/architecture"))
    assert (described["family"], described["n_layers"], described["d_model"]) == ("llama", 4, 32)
    assert "resid_post" in described["hook_points"]
    memory = ok(client.get("/models/tiny/memory"))
    assert [each["form"] for each in memory["forms"]] == ["float32", "bfloat16", "float16", "8bit", "4bit"]
    assert memory["forms"][0]["bytes"] == 4 * described["parameters"]
    assert "cpu" in memory["forms"][0]["fits_on"]
    assert all("cpu" not in form["fits_on"] for form in memory["forms"][3:])
    assert {each["device"] for each in memory["free"]} >= {"cpu"}
    refused(client.post("/models", json={"name": "tiny", "config": {"source": str(checkpoint)}}), 409, "ArtifactExists")
    again = ok(client.post("/models", json={"config": {"source": str(checkpoint)}}), 202)["job"]
    assert again["request"]["name"] == "tiny-2"


def test_a_model_of_the_command_line_is_described_by_the_engine_once(
    client: httpx.Client, workshop: Workshop, engine: EngineProcess
) -> None:
    workshop.model_and_text()
    described = ok(client.get("/models/tiny/architecture"))
    assert described["n_layers"] == 4
    engine.kill()
    assert ok(client.get("/models/tiny/architecture")) == described


def test_without_an_engine_a_model_of_the_command_line_waits(client: httpx.Client, workshop: Workshop) -> None:
    workshop.model_and_text()
    assert refused(client.get("/models/tiny/architecture"), 503, "EngineUnavailable")["retryable"]


def test_a_preview_describes_a_directory_without_adding_it(
    client: httpx.Client, checkpoint: Path, engine: EngineProcess
) -> None:
    seen = ok(client.post("/models/preview", json={"source": str(checkpoint)}))
    assert (seen["origin"], seen["stored_as"], seen["download_bytes"]) == ("directory", None, None)
    assert seen["description"]["d_model"] == 32
    assert seen["memory"]["forms"][0]["bytes"] == 4 * seen["description"]["parameters"]
    assert ok(client.get("/models")) == ok(client.get("/jobs")) == []


@pytest.mark.parametrize("name", ["empty", "no-config", "junk", "text.gguf", "../outside", "missing"])
def test_what_is_no_model_is_said_so(client: httpx.Client, tmp_path: Path, engine: EngineProcess, name: str) -> None:
    data = tmp_path / "data"
    (data / "empty").mkdir()
    (data / "no-config").mkdir()
    (data / "no-config" / "model.safetensors").write_bytes(b"x")
    (data / "junk").mkdir()
    (data / "junk" / "config.json").write_bytes(b"\xff{")
    (data / "text.gguf").write_bytes(b"no gguf")
    (tmp_path / "outside").mkdir()
    response = client.post("/models/preview", json={"source": str(data / name)})
    assert response.status_code in (403, 404, 422), response.text
    assert response.json()["error"]["details"]["remedy"]


def test_nothing_outside_of_the_readable_folders_is_read(
    client: httpx.Client, tmp_path: Path, settings: Settings
) -> None:
    outside = save_tiny_checkpoint(tmp_path / "outside")
    (tmp_path / "data" / "link").symlink_to(outside)
    (tmp_path / "data" / "half").mkdir()
    (tmp_path / "data" / "half" / "config.json").symlink_to(outside / "config.json")
    for source in (outside, tmp_path / "data" / "link", tmp_path / "data" / "half", settings.studio_dir):
        for address, body in (
            ("/models/preview", {"source": str(source)}),
            ("/models", {"config": {"source": str(source)}}),
        ):
            refused(client.post(address, json=body), 403, "Forbidden")
    assert ok(client.get("/jobs")) == []


# ── the Hub ──────────────────────────────────────────────────────────────────────────────────────


class Hub:
    """A stand-in of the Hub with one model, `owner/tiny`; it wants a token and notes those that it was given."""

    def __init__(self, checkpoint: Path) -> None:
        hub, self.tokens, self.sent = self, set[str](), list[str]()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *what: Any) -> None:
                """Say nothing."""

            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                given = self.headers.get("authorization", "")
                hub.tokens.add(given)
                path, body, status = self.path.split("?")[0], b"{}", 200
                headers = {"X-Repo-Commit": COMMIT, "ETag": '"e"'}
                if given != f"Bearer {TOKEN}":
                    status, headers = 401, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Accept the terms."}
                elif path.startswith("/api/models/owner/tiny"):
                    sizes = {each.name: each.stat().st_size for each in checkpoint.iterdir()}
                    files = [{"rfilename": name, "size": size} for name, size in sizes.items()]
                    tree = [{"type": "file", "path": n, "size": size, "oid": n} for n, size in sizes.items()]
                    info = {"id": "owner/tiny", "sha": COMMIT, "siblings": files}
                    body = json.dumps(tree if "/tree/" in path else info).encode()
                    headers["Content-Type"] = "application/json"
                elif path.startswith(f"/owner/tiny/resolve/{COMMIT}/"):
                    name = path.rsplit("/", 1)[1]
                    hub.sent.append(name)
                    body = (checkpoint / name).read_bytes()
                    headers["ETag"] = f'"{name}-{len(body)}"'
                else:
                    status, headers = 404, {"X-Error-Code": "RepoNotFound"}
                self.send_response(status)
                for header, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(header, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Go away."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def hub(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The Hub that the studio's processes see."""
    made = Hub(checkpoint)
    monkeypatch.setenv("HF_ENDPOINT", made.endpoint)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    yield made
    made.close()


def test_a_preview_of_the_hub_fetches_nothing_but_the_configuration(
    client: httpx.Client, hub: Hub, engine: EngineProcess, checkpoint: Path
) -> None:
    ok(client.patch("/settings", json={"hf_token": TOKEN}))
    seen = ok(client.post("/models/preview", json={"source": "owner/tiny"}))
    assert (seen["origin"], seen["source"], seen["description"]["name"]) == ("hub", "owner/tiny", "owner/tiny")
    assert seen["description"]["d_model"] == 32
    assert set(hub.sent) == {"config.json"}
    weights = (checkpoint / "model.safetensors").stat().st_size
    assert weights < seen["download_bytes"] < weights + 200_000


def test_a_model_behind_terms_is_fetched_with_the_users_token_which_stands_nowhere(
    client: httpx.Client, workshop: Workshop, hub: Hub, settings: Settings
) -> None:
    error = refused(client.post("/models/preview", json={"source": "owner/tiny"}), 404, "UnknownModel")
    assert "terms" in error["message"]
    ok(client.patch("/settings", json={"hf_token": TOKEN}))
    job = ok(client.post("/models", json={"config": {"source": "owner/tiny"}}), 202)["job"]
    workshop.work("analysis")
    job = ok(client.get(f"/jobs/{job['id']}"))
    assert job["state"] == "completed", job
    assert f"Bearer {TOKEN}" in hub.tokens
    made = ok(client.get("/models/tiny"))
    assert (made["source"], made["digest"]) == ("owner/tiny", f"hub:owner/tiny@{COMMIT}")
    everywhere = [json.dumps(job), json.dumps(made), ok(client.get(f"/jobs/{job['id']}/log"))["text"]]
    everywhere += [path.read_bytes().decode("latin-1") for path in settings.home.rglob("*") if path.is_file()]
    assert not any(TOKEN in text or TOKEN.removeprefix("hf_") in text for text in everywhere)


def test_a_hub_that_hangs_is_given_up_within_ten_seconds(
    client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        began = time.monotonic()
        response = client.post("/models/preview", json={"source": "owner/tiny"})
        assert time.monotonic() - began < 10
    assert refused(response, 502, "DownloadFailed")["retryable"]


# ── code of others ───────────────────────────────────────────────────────────────────────────────


def test_code_of_others_runs_only_where_an_admin_says_so(settings: Settings, checkpoint: Path) -> None:
    tokens = {role: f"{role}-token-0123456789" for role in ("operator", "admin")}
    named = ",".join(f"{role}:{token}" for role, token in tokens.items())
    public = settings.model_copy(update={"host": "0.0.0.0", "api_tokens": named})
    wanted = {"config": {"source": str(checkpoint), "trust_remote_code": True}}
    with serving(public) as url:
        answers = {
            role: httpx.post(f"{url}/api/v1/models", json=wanted, headers={"authorization": f"Bearer {token}"})
            for role, token in tokens.items()
        }
    refused(answers["operator"], 403, "Forbidden")
    ok(answers["admin"], 202)


def test_a_preview_runs_no_code_of_others(client: httpx.Client, checkpoint: Path, engine: EngineProcess) -> None:
    config = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}}
    (checkpoint / "config.json").write_text(json.dumps(config), encoding="utf-8")
    sign = checkpoint.parent / "it ran"
    (checkpoint / "evil.py").write_text(f"open({str(sign)!r}, 'w').close()", encoding="utf-8")
    refused(client.post("/models/preview", json={"source": str(checkpoint)}), 422, "UnsupportedModel")
    body = {"source": str(checkpoint), "trust_remote_code": True}
    refused(client.post("/models/preview", json=body), 422, "BadInput")
    assert not sign.exists()


# ── deleting ─────────────────────────────────────────────────────────────────────────────────────


def test_a_model_is_deleted_and_what_was_made_of_it_names_it_before(
    client: httpx.Client, workshop: Workshop, settings: Settings
) -> None:
    workshop.model_and_text()
    error = refused(client.delete("/models/tiny"), 409, "StillUsed")
    assert [each["name"] for each in error["details"]["used_by"]] == ["tokens"]
    job = ok(client.delete("/models/tiny", params={"force": True}), 202)["job"]
    assert job["title"] == "Delete model tiny"
    workshop.work("analysis")
    assert ok(client.get(f"/jobs/{job['id']}"))["state"] == "completed"
    refused(client.get("/models/tiny"), 404, "NotFound")
    assert not (settings.home / "models" / "tiny").exists()
    assert ok(client.get("/tokenizations/tokens"))["model"] is None
