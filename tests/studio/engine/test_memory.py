import asyncio
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mistudio.errors import EngineUnavailable
from mistudio.studio.engine.client import EngineClient
from tests.studio.engine.conftest import EngineProcess, until, write_sae

IDLE_MEBIBYTES = 70
VERY_MUCH = 1 << 60


def wait_until_light(engine: EngineProcess, seconds: float = 15.0) -> None:
    deadline = time.perf_counter() + seconds
    while engine.resident_mebibytes > IDLE_MEBIBYTES:
        assert time.perf_counter() < deadline, f"the engine still has {engine.resident_mebibytes:.0f} MiB"
        time.sleep(0.02)


def test_an_engine_without_a_model_is_light(own_engine):
    engine = own_engine()
    status = engine.ask(lambda client: client.status())
    assert (status.pid, status.loaded, status.running) == (engine.process.pid, (), 0)
    assert engine.resident_mebibytes <= IDLE_MEBIBYTES


def test_what_is_loaded_is_told_with_its_size(engine, home, model):
    items = engine.ask(lambda client: client.load(model, str(home / "saes" / "sae")))
    found = {item.path: item for item in items}
    of_model, of_sae = found[model.source], found[str(home / "saes" / "sae")]
    assert (of_model.kind, of_model.name, of_model.dtype, of_model.device) == ("model", "tiny", "float32", "cpu")
    assert (of_sae.kind, of_sae.name, of_sae.in_use) == ("sae", "sae", False)
    assert of_sae.bytes == 4 * (2 * 96 * 32 + 96 + 32)
    assert time.time() - 60 < of_model.loaded_at <= time.time()


def test_a_model_is_described_whether_it_is_in_the_home_or_not(engine, home, model, tmp_path):
    inside = engine.ask(lambda client: client.describe(model))
    assert (inside.n_layers, inside.d_model, inside.hook_points[0]) == (4, 32, "resid_pre")
    shutil.copytree(home / "made" / "tiny", tmp_path / "tiny")
    outside = engine.ask(lambda client: client.describe(model.model_copy(update={"source": str(tmp_path / "tiny")})))
    assert outside == inside


def test_idle_models_leave_their_memory_comes_back_and_the_next_request_works(own_engine, request_of):
    engine = own_engine(idle_unload=1.0)
    before = engine.ask(lambda client: client.compare(request_of()))
    assert engine.resident_mebibytes > 200
    wait_until_light(engine)
    assert engine.process.poll() is None
    assert engine.ask(lambda client: client.status()).pid == engine.process.pid
    assert engine.ask(lambda client: client.compare(request_of())).rows == before.rows


def test_a_model_that_is_in_use_does_not_leave(engine, request_of):
    async def ask(client):
        writing = asyncio.create_task(client.compare(request_of(max_new_tokens=600)))
        await until(lambda: is_running(client), 30)
        room = await client.make_room(VERY_MUCH)
        await client.unload()
        loaded = (await client.status()).loaded
        await writing
        return room, loaded

    room, loaded = engine.ask(ask)
    assert {item.kind for item in loaded if item.in_use} == {"model", "sae"}
    assert not {item.path for item in loaded}.intersection(room.unloaded)
    assert room.in_use_bytes == sum(item.bytes for item in loaded)
    assert not room.enough


async def is_running(client):
    return (await client.status()).running > 0


def test_room_is_made_by_those_that_were_not_used_for_longest(own_engine, home, model, request_of):
    engine = own_engine()
    other = model.model_copy(update={"source": str(home / "models" / "other")})

    async def ask(client):
        await client.load(other)
        await client.compare(request_of(max_new_tokens=2))
        await client.load(other)
        return await client.make_room(1), await client.make_room(VERY_MUCH)

    untouched, room = engine.ask(ask)
    assert (untouched.unloaded, untouched.enough) == ((), True)
    assert set(room.unloaded[:2]) == {model.source, str(home / "saes" / "sae")}
    assert room.unloaded[2] == other.source
    assert (room.restarts, room.enough) == (False, False)
    assert room.free_bytes > 0
    wait_until_light(engine)


def test_unloading_the_last_gives_memory_and_files_back_at_once(own_engine, home, model):
    engine = own_engine()
    sae = str(home / "saes" / "sae")

    def open_files() -> int:
        engine.ask(lambda client: client.status())
        time.sleep(0.5)  # Whoever hung up a moment ago is still among them.
        return len(list(Path(f"/proc/{engine.process.pid}/fd").iterdir()))

    before = open_files()
    engine.ask(lambda client: client.load(model, sae))
    assert [item.path for item in engine.ask(lambda client: client.unload(sae))] == [model.source]
    assert engine.resident_mebibytes > 200
    assert engine.ask(lambda client: client.unload()) == ()
    wait_until_light(engine)
    assert open_files() <= before


def test_no_request_is_lost_while_the_engine_starts_anew(own_engine, model, home):
    engine = own_engine()

    async def ask(client):
        before = await client.load(model)
        unloading = asyncio.create_task(client.unload())
        others = []
        while not unloading.done() or len(others) < 50:
            others.append(asyncio.create_task(client.status()))
            await asyncio.sleep(0.01)
        again = await client.load(model)
        return before, again, await asyncio.gather(*others)

    before, again, others = engine.ask(ask)
    assert before[0].path == again[0].path
    assert len({status.started_at for status in others}) == 2


def test_an_sae_that_was_made_anew_under_its_name_is_read_anew(engine, home, request_of):
    path = home / "saes" / "changing"
    write_sae(path)
    request = request_of(sae=str(path))
    first = engine.ask(lambda client: client.compare(request))
    shutil.rmtree(path)
    write_sae(path, seed=2)
    second = engine.ask(lambda client: client.compare(request))
    assert first.baseline().token_ids == second.baseline().token_ids
    assert first.steered().readings != second.steered().readings
    shutil.rmtree(path)


def test_a_killed_engine_is_an_error_and_the_same_client_goes_on_when_it_is_back(own_engine, request_of):
    engine = own_engine()

    async def ask(client):
        writing = asyncio.create_task(client.compare(request_of(max_new_tokens=4000)))
        await until(lambda: is_running(client), 30)
        engine.kill()
        with pytest.raises(EngineUnavailable, match="ended while it was working") as cut_off:
            await writing
        engine.start()
        return cut_off.value, await client.status()

    error, status = engine.ask(ask)
    assert error.status == 503
    assert (status.pid, status.loaded) == (engine.process.pid, ())


def test_an_engine_that_is_told_to_end_cuts_its_work_off_and_ends_within_two_seconds(own_engine, request_of):
    engine = own_engine()

    async def ask(client):
        writing = asyncio.create_task(client.compare(request_of(max_new_tokens=4000)))
        await until(lambda: is_running(client), 30)
        engine.process.send_signal(signal.SIGTERM)
        with pytest.raises(EngineUnavailable):
            await writing

    engine.ask(ask)
    assert engine.process.wait(2) == 0


def test_an_engine_can_be_ended_by_a_call(own_engine):
    engine = own_engine()
    assert engine.ask(lambda client: client.shutdown()).cut_off == 0
    assert engine.process.wait(2) == 0


def test_a_second_engine_does_not_take_the_socket_away(own_engine, home, tmp_path):
    engine = own_engine()
    engine.ask(lambda client: client.status())
    second = EngineProcess(home, tmp_path)
    assert second.process.wait(10) == 2
    assert "Another engine answers" in second.log
    assert engine.ask(lambda client: client.status()).pid == engine.process.pid


def test_only_this_user_may_connect(own_engine, tmp_path):
    engine = own_engine()
    engine.ask(lambda client: client.status())
    assert (tmp_path / "engine.sock").stat().st_mode & 0o777 == 0o600


def test_an_address_that_is_too_long_is_refused_in_a_sentence(home, tmp_path):
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    engine = EngineProcess(home, folder)
    assert engine.process.wait(10) == 2
    assert "too long for a socket" in engine.log


def test_a_wrong_option_is_explained(tmp_path):
    command = [sys.executable, "-m", "mistudio.studio.engine.server", "--home", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--address" in done.stderr


def test_many_can_ask_at_once_over_one_connection(engine):
    async def ask(client: EngineClient):
        return await asyncio.gather(*(client.status() for _ in range(200)))

    assert len({status.pid for status in engine.ask(ask)}) == 1
