"""What is said of the machine is true of this one."""

from __future__ import annotations

import os

import pytest
import torch

from mistudio.hardware import (
    Reached,
    best_device,
    cores,
    cpu_multiplies_bfloat16,
    fast_dtype,
    memory_bytes,
    time_for,
)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_cores_are_those_that_the_process_may_use_and_not_those_of_the_machine():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert cores() == len(before)


def test_memory_is_at_most_the_machines():
    assert 2**26 < memory_bytes() <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_bfloat16_is_fast_on_a_processor_only_where_it_is_in_hardware():
    expected = torch.bfloat16 if cpu_multiplies_bfloat16() else torch.float32
    assert fast_dtype(torch.device("cpu")) is expected


def test_float16_is_never_chosen_because_its_range_is_too_small():
    assert fast_dtype(torch.device("mps")) is torch.float32
    assert fast_dtype(best_device()) in (torch.float32, torch.bfloat16)


def test_nothing_to_compute_takes_no_time() -> None:
    reached = [Reached(flop_per_token=1e6, tokens_per_second=1000.0, what="a recording")]
    assert time_for(0, 0.0, reached) == (0.0, "there is nothing to compute")
    assert time_for(2000, 1e6, reached)[0] == 2.0
