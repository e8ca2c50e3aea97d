"""The examples walk the whole road on a real studio: as it comes, and with two API processes and two workers on a
PostgreSQL and Redis of one's own.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import socketio

from mistudio.client.client import Client
from mistudio.errors import NotFound
from mistudio.studio.events.sockets import SOCKET_PATH
from tests.studio.conftest import a_database
from tests.studio.queue.conftest import free_port, redis_url  # noqa: F401
from tests.tiny_models import save_tiny_checkpoint

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class RunningStudio:
    """A studio, a tiny model and some text."""

    url: str
    text: Path
    model: Path
    pids: dict[str, int]
    """Its processes by name."""

    def run(self, *command: object, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run an example against it."""
        return subprocess.run(
            list(map(str, command)),
            env=os.environ | {"MISTUDIO_URL": self.url} | environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )


@pytest.fixture(scope="module", params=["as it comes", "external"])
def studio(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """A studio that `mistudio up` started, on its own servers or on ours."""
    folder = tmp_path_factory.mktemp("road")
    sentence = "Four score and seven years ago our fathers brought forth on this continent a new nation. "
    (folder / "text").mkdir()
    for number in range(20):
        (folder / "text" / f"{number}.txt").write_text(f"Chapter {number}. " + 9 * sentence, encoding="utf-8")
    save_tiny_checkpoint(folder / "toy")
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    environment |= {"MISTUDIO_HOME": str(folder / "home"), "MISTUDIO_DATA_ROOTS": str(folder), "OMP_NUM_THREADS": "1"}
    if request.param == "as it comes":
        yield from _running(folder, environment)
        return
    redis = request.getfixturevalue("redis_url")
    with a_database(request.getfixturevalue("postgres_url")) as database:
        servers = {"DATABASE_URL": database, "REDIS_URL": redis}
        processes = {"MISTUDIO_API_PROCESSES": "2", "MISTUDIO_WORKERS": "2"}
        yield from _running(folder, environment | servers | processes)


def _running(folder: Path, environment: dict[str, str]) -> Iterator[RunningStudio]:
    program, port = Path(sys.executable).with_name("mistudio"), free_port()
    started = subprocess.run([program, "up", "--port", str(port)], env=environment, check=False, capture_output=True)
    assert started.returncode == 0, started.stderr.decode()
    try:
        asked = subprocess.run([program, "status", "--json"], env=environment, check=True, capture_output=True)
        pids = {each["name"]: each["pid"] for each in json.loads(asked.stdout)["processes"]}
        yield RunningStudio(f"http://127.0.0.1:{port}", folder / "text", folder / "toy", pids)
    finally:
        subprocess.run([program, "down", "--save-seconds", "1"], env=environment, check=True, capture_output=True)


def test_the_script_walks_the_whole_road_and_leaves_nothing(studio: RunningStudio) -> None:
    done = studio.run(EXAMPLES / "road.sh", "--tiny", studio.text, studio.model)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("That was the whole road.")
    assert "steered:" in done.stdout
    with Client(studio.url) as client:
        for things in (client.datasets, client.models, client.tokenizations, client.recordings, client.saes):
            assert things.list().total == 0
        assert client.feature_sets.list().total == 0


def test_the_script_stops_at_the_first_error_with_the_studios_words(studio: RunningStudio) -> None:
    refused = studio.run(EXAMPLES / "road.sh", studio.text / "nothing", studio.model)
    assert refused.returncode == 1
    assert "Failed: " in refused.stderr
    assert "nothing" in refused.stderr
    elsewhere = studio.run(EXAMPLES / "road.sh", MISTUDIO_URL=f"http://127.0.0.1:{free_port()}")
    assert elsewhere.returncode == 1
    assert "mistudio up" in elsewhere.stderr


def test_the_python_example_walks_the_whole_road(studio: RunningStudio) -> None:
    done = studio.run(sys.executable, EXAMPLES / "client.py", studio.text, studio.model, studio.url)
    assert done.returncode == 0, done.stdout + done.stderr
    with Client(studio.url) as client:
        features = next(iter(client.feature_sets.list()))
        labelled = list(client.feature_sets.features(features, labelled=True))
        assert [each.label for each in labelled] == ["the strongest one"]
        _use_the_rest_of_the_client(client, labelled[0].latent)


def _use_the_rest_of_the_client(client: Client, latent: int) -> None:
    features, sae = next(iter(client.feature_sets.list())), next(iter(client.saes.list()))
    training = next(iter(client.trainings.list()))
    assert training.sae is not None
    assert training.sae.id == sae.id
    assert client.trainings.metrics(training)["lines"] > 0
    evaluation = client.saes.evaluate(sae).wait(timeout=300)
    assert evaluation.id in [each.id for each in client.saes.evaluations(sae)]
    assert client.feature_sets.feature(features, latent)["feature"]["latent"] == latent
    assert client.feature_sets.test(features, latent, "a new nation")["latent"] == latent
    assert client.jobs.list(state=["completed"]).total >= 6
    job = next(iter(client.jobs.list(kind=["train"])))
    assert "Attempt 1" in client.jobs.log(job)
    assert client.jobs.wait(job, timeout=5) == client.jobs.get(job)
    dataset = next(iter(client.datasets.list(search="text")))
    assert "nation" in next(iter(client.datasets.samples(dataset, search="nation"))).text
    assert client.datasets.statistics(dataset)
    assert client.road()["steps"]
    assert client.system.info()["version"]
    assert client.system.engine()["loaded"]
    assert client.system.health()["status"]
    compared = client.steering.compare(features, ["Once", "There"], {latent: 2.0}, {latent: -2.0})
    assert len(compared.texts) == 6
    assert compared.baseline == compared.text(prompt=0, column=0)
    client.feature_sets.delete(features).wait(timeout=60)
    with pytest.raises(NotFound):
        client.feature_sets.get(features)


def test_events_reach_the_sockets_of_every_api_process(studio: RunningStudio) -> None:
    api_pids = [pid for name, pid in studio.pids.items() if name.startswith("api-")]

    def connections(pid: int) -> int:
        return sum(each.status == psutil.CONN_ESTABLISHED for each in psutil.Process(pid).net_connections("tcp"))

    async def heard() -> set[str]:
        sockets: list[socketio.AsyncSimpleClient] = []
        before = {pid: connections(pid) for pid in api_pids}
        while not all(connections(pid) > before[pid] for pid in api_pids):
            assert len(sockets) < 100, "one process takes all connections"
            sockets.append(socketio.AsyncSimpleClient())
            await sockets[-1].connect(studio.url, socketio_path=SOCKET_PATH.lstrip("/"), transports=["websocket"])
            assert (await sockets[-1].call("subscribe", {"channel": "jobs"}))["ok"]
        with Client(studio.url) as client:
            job = client.datasets.add(str(studio.text), name=f"heard-by-{len(sockets)}").job
        told = set(await asyncio.gather(*(_completed(socket, job.id) for socket in sockets)))
        await asyncio.gather(*(socket.disconnect() for socket in sockets))
        return told

    assert asyncio.run(heard()) == {"job.completed"}


async def _completed(socket: socketio.AsyncSimpleClient, job_id: str) -> str:
    """Listen until the job is completed."""
    while True:
        name, envelope = await socket.receive(timeout=60)
        data = envelope["data"]
        if name == "event" and data["type"] == "job.completed" and data["job_id"] == job_id:
            return str(data["type"])
