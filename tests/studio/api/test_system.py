import socket
import time

import psutil
import pytest

from mistudio.studio.sampling.history import Reading, history_of


def wait_for_samples(client, count):
    until = time.monotonic() + 20
    while len(client.get("/system/history", params={"points": 1800}).json()["data"]["at"]) < count:
        assert time.monotonic() < until
        time.sleep(0.2)


def test_the_machine_is_described(client, settings):
    told = client.get("/system/info").json()["data"]
    assert told["host"] == socket.gethostname()
    assert told["home"] == str(settings.home)
    assert told["cpu_cores"] == psutil.cpu_count()
    assert 0 < told["memory_total_bytes"] <= psutil.virtual_memory().total
    assert (told["database"], told["queue"]) == ("external", "files")
    assert (told["listens_elsewhere"], told["wants_token"]) == (False, False)


def test_metrics_are_there_before_the_first_sample_is(client):
    sample = client.get("/system/metrics").json()["data"]
    assert len(sample["cores"]) == psutil.cpu_count()
    assert 0 < sample["memory_percent"] < 100
    assert sample["disk_total_bytes"] > 0


def test_samples_become_a_history_in_columns(client):
    wait_for_samples(client, 2)
    told = client.get("/system/history", params={"minutes": 5, "points": 1800}).json()["data"]
    assert told["hosts"] == [socket.gethostname()]
    assert told["step_seconds"] == 2
    assert told["at"] == sorted(told["at"])
    columns = [told["cpu_percent"], told["load"], *told["cores"], told["network_sent_bytes_per_second"]]
    assert {len(column) for column in columns} == {len(told["at"])}


def test_a_history_goes_on_where_it_was_read_before(client):
    wait_for_samples(client, 1)
    begun = client.get("/system/history", params={"points": 1800}).json()["data"]["at"]
    wait_for_samples(client, len(begun) + 1)
    later = client.get("/system/history", params={"points": 1800}).json()["data"]["at"]
    assert later[: len(begun)] == begun
    shorter = client.get("/system/history", params={"minutes": 0.001}).json()["data"]
    assert shorter["at"] == shorter["cpu_percent"] == []


def test_the_studios_processes_are_among_the_samples(client):
    wait_for_samples(client, 1)
    assert isinstance(client.get("/system/metrics").json()["data"]["processes"], list)


def test_a_machine_that_is_not_known_is_not_found(client):
    for address in ("/system/metrics", "/system/history"):
        answer = client.get(address, params={"host": "elsewhere"})
        assert answer.status_code == 404
        assert "elsewhere" in answer.json()["error"]["message"]


def sample(second, percent, gpus=()):
    return {
        "at": f"2026-01-01T00:{second // 60:02}:{second % 60:02}Z",
        "cores": [percent, 0.0],
        "load": None,
        "memory_total_bytes": 10,
        "swap_total_bytes": 0,
        "gpus": list(gpus),
        **dict.fromkeys(
            [
                "cpu_percent", "memory_percent", "memory_used_bytes", "swap_used_bytes", "disk_percent",
                "disk_read_bytes_per_second", "disk_write_bytes_per_second", "network_received_bytes_per_second",
                "network_sent_bytes_per_second",
            ],
            percent,
        ),
    }  # fmt: skip


def history(*samples, step_seconds):
    return history_of([Reading.of(each) for each in samples], samples[-1], host="a", step_seconds=step_seconds)


def test_a_point_of_the_history_is_the_mean_of_its_samples():
    made = history(sample(0, 10.0), sample(2, 30.0), sample(10, 50.0), step_seconds=10)
    assert made.cpu_percent == [20.0, 50.0]
    assert made.cores == [[20.0, 50.0], [0.0, 0.0]]
    assert made.load == [None, None]
    assert made.at[1] - made.at[0] == 10


def test_a_gpu_that_came_later_has_no_values_before():
    gpu = {
        "index": 0, "name": "A", "memory_total_bytes": 8, "percent": 50.0, "memory_used_bytes": 4,
        "temperature_celsius": None, "power_watts": 100.0,
    }  # fmt: skip
    made = history(sample(0, 0.0), sample(2, 0.0, [gpu]), sample(4, 0.0, [gpu]), step_seconds=2)
    assert made.gpus[0].percent == [None, 50.0, 50.0]
    assert made.gpus[0].power_watts == [None, 100.0, 100.0]
    assert made.gpus[0].temperature_celsius == [None, None, None]


@pytest.mark.parametrize("wrong", [{"minutes": 0}, {"minutes": 61}, {"points": 1}, {"points": "many"}])
def test_a_history_that_cannot_be_is_refused_by_name(client, wrong):
    answer = client.get("/system/history", params=wrong)
    assert answer.status_code == 422
    assert answer.json()["error"]["details"]["field"] in wrong
