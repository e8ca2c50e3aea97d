"""The studio as it is, by the commands that a user gives."""

from __future__ import annotations

import http.client
from pathlib import Path

import psutil
import pytest

from mistudio.studio.db.embedded import is_dead
from mistudio.studio.launch.identity import of_studio
from tests.cli.program import Program
from tests.studio.launch.conftest import free_port

_IDLE_BYTES = 700 * 2**20


@pytest.mark.slow
def test_up_is_ready_small_and_gone_after_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("MISTUDIO_PORT", str(port))
    run = Program(tmp_path / "home")
    try:
        first = run.ok("up")
        assert first.out.strip() == f"The studio is ready at http://127.0.0.1:{port}"
        assert "pages and API ready after" in first.err
        assert "mistudio down" in first.err

        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/api/v1/health/ready")
        assert connection.getresponse().status == 200
        connection.close()

        status = run.ok("status", "--json").json
        assert {each["phase"] for each in status["processes"]} == {"ready", "done"}
        assert sum(each["restarts"] for each in status["processes"]) == 0
        assert status["resident_bytes"] <= _IDLE_BYTES
        table = run.ok("status").out
        assert all(each["name"] in table for each in status["processes"])

        assert "is running already" in run.ok("up").out
        assert run("up", "--port", free_port()).code == 2
        assert run.ok("doctor", "--json").json["studio"]["studio"]["found"].startswith("ready at")
    finally:
        stopped = run.ok("down")
    assert stopped.out.strip() == "The studio has stopped."
    assert not list(of_studio(tmp_path / "home"))
    assert not [each for each in status["processes"] if each["pid"] and _runs(each["pid"])]
    assert run("status").code == 1
    assert run.ok("down").out.strip() == "The studio was not running."


def _runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and not is_dead(psutil.Process(pid))
