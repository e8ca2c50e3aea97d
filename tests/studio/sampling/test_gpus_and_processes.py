import os
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import pytest

from mistudio.studio.sampling.gpus import Gpus
from mistudio.studio.sampling.processes import Processes


class DriverError(Exception):
    pass


@pytest.fixture
def driver(monkeypatch):
    """A stand-in for NVIDIA's library: two GPUs, of which the second does not tell its power and one vanishes later."""
    made = ModuleType("pynvml")
    made.gone = set()

    def power(handle):
        if handle == 1:
            raise DriverError
        return 250_500

    def memory(handle):
        if handle in made.gone:
            raise DriverError
        return SimpleNamespace(used=8 << 30, total=80 << 30)

    made.NVMLError = DriverError
    made.NVML_TEMPERATURE_GPU = 0
    made.nvmlInit = lambda: None
    made.nvmlDeviceGetCount = lambda: 2
    made.nvmlDeviceGetHandleByIndex = lambda index: index
    made.nvmlDeviceGetMemoryInfo = memory
    made.nvmlDeviceGetName = lambda handle: b"Old" if handle else "New"
    made.nvmlDeviceGetUtilizationRates = lambda _: SimpleNamespace(gpu=73)
    made.nvmlDeviceGetTemperature = lambda _, __: 61
    made.nvmlDeviceGetPowerUsage = power
    monkeypatch.setitem(sys.modules, "pynvml", made)
    return made


def test_every_gpu_tells_what_it_can(driver):
    first, second = Gpus().sample()
    assert (first.name, first.percent, first.power_watts, first.temperature_celsius) == ("New", 73.0, 250.5, 61.0)
    assert (second.name, second.power_watts, second.memory_total_bytes) == ("Old", None, 80 << 30)


def test_a_gpu_that_fell_off_the_bus_leaves_the_others(driver):
    gpus = Gpus()
    gpus.sample()
    driver.gone.add(0)
    assert [gpu.index for gpu in gpus.sample()] == [1]


def test_without_the_library_or_a_driver_there_are_no_gpus(driver, monkeypatch):
    def fail():
        raise DriverError

    driver.nvmlInit = fail
    assert Gpus().sample() == ()
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert Gpus().sample() == ()


def started_as(words, home):
    command = [sys.executable, "-c", "import sys; sys.stdin.read()", *words.split()]
    return subprocess.Popen(command, stdin=subprocess.PIPE, env=os.environ | {"MISTUDIO_HOME": str(home)})


def test_the_processes_of_this_home_are_known_by_what_they_do(tmp_path):
    ours = [
        started_as(words, tmp_path)
        for words in (
            "mistudio.studio.launch.serve 3 ready",
            "mistudio.studio.worker run",
            "mistudio.studio.worker job job-1 lease",
            f"mistudio.studio.engine.server --home {tmp_path}",
        )
    ]
    others = [
        started_as("mistudio.studio.worker run", tmp_path / "another"),
        started_as(f"mistudio.studio.engine.server --home {tmp_path}/another", tmp_path),
    ]
    try:
        processes = Processes(str(tmp_path), str(tmp_path / "postgres"))
        found = {process.pid: process for process in processes.sample(0.0)}
        assert {found[process.pid].name for process in ours} == {"API", "worker", "job", "engine"}
        assert not {process.pid for process in others} & set(found)
        assert [process.job_id for process in found.values() if process.name == "job"] == ["job-1"]
        assert all(process.memory_bytes > 2**20 for process in found.values())
        ours[0].communicate()
        assert ours[0].pid not in {process.pid for process in processes.sample(1.0)}
    finally:
        for process in (*ours, *others):
            process.communicate()
