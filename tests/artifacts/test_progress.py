"""How a step reports, and how it is asked to stop."""

from __future__ import annotations

import pytest

from mistudio.errors import Cancelled, Interrupted, Paused
from mistudio.progress import Progress, Silent, StopSwitch, under


class Heard:
    """A progress that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, float, float | None, dict[str, float]]] = []
        self.asked = 0

    def advance(self, stage: str, done: float, total: float | None, **metrics: float) -> None:
        self.told.append((stage, done, total, metrics))

    def checkpoint(self) -> None:
        self.asked += 1


def test_every_progress_fulfils_the_protocol():
    with under("model", Silent()) as prefixed:
        assert all(isinstance(each, Progress) for each in (Silent(), StopSwitch(), prefixed))


def test_a_switch_passes_reports_and_questions_on_until_it_is_thrown():
    heard = Heard()
    switch = StopSwitch(heard)
    switch.advance("train", 1, 2, fvu=0.5)
    switch.checkpoint()

    assert heard.told == [("train", 1, 2, {"fvu": 0.5})]
    assert heard.asked == 1


@pytest.mark.parametrize(("throw", "raised"), [(StopSwitch.cancel, Cancelled), (StopSwitch.pause, Paused)])
def test_a_thrown_switch_stops_the_work_at_every_further_checkpoint(throw, raised):
    switch = StopSwitch()
    throw(switch)

    for _ in range(2):
        with pytest.raises(raised):
            switch.checkpoint()


def test_a_stop_has_the_exit_code_of_an_interrupted_program():
    assert Interrupted("Stopped.").exit_code == 130


def test_the_stages_of_a_sub_step_carry_its_name_and_a_stop_reaches_it():
    heard = Heard()
    switch = StopSwitch(heard)
    with under("model", switch) as inner:
        inner.advance("load", 1, None)
        switch.cancel()
        with pytest.raises(Cancelled):
            inner.checkpoint()

    assert heard.told == [("model: load", 1, None, {})]
