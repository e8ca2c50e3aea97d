"""Whatever is done to jobs in whatever order, they change only as the state machine allows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test

from mistudio.studio.db import jobs
from mistudio.studio.db.jobs import MAX_STALLED_ATTEMPTS, Job
from mistudio.studio.db.lifecycle import LIVE, TRANSITIONS, JobState, Wanted, may_become
from mistudio.studio.queue.portal import Portal
from mistudio.studio.settings import Settings

DEVICES = (None, "cuda:0", "cuda:1")


def test_the_table_of_transitions_is_complete_and_has_no_dead_end_but_the_ends() -> None:
    assert set(TRANSITIONS) == set(JobState)
    ends = {state for state, targets in TRANSITIONS.items() if not targets}
    assert ends == {JobState.COMPLETED, JobState.COMPLETED_WITH_ERRORS, JobState.FAILED, JobState.CANCELLED}
    reached = {JobState.QUEUED}
    while more := {target for state in reached for target in TRANSITIONS[state]} - reached:
        reached |= more
    assert reached == set(JobState)
    for target in JobState:
        assert set(may_become(target)) == {state for state in JobState if target in TRANSITIONS[state]}


class JobsMachine(RuleBasedStateMachine):
    """Every function of db/jobs.py that changes a job, with right leases, lost ones and made-up ones."""

    portal: Portal
    known = Bundle("known")
    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.before: dict[str, JobState] = {}
        self.run(lambda session: _forget_all(session))

    def run(self, work: Any) -> Any:
        return self.portal.run(work)

    def rows(self) -> dict[str, Job]:
        async def read(session: Any) -> list[Job]:
            found, _ = await jobs.page(session, limit=1000)
            return found

        return {job.id: job for job in self.run(read)}

    # ── what can happen ──────────────────────────────────────────────────────────────────────────

    @rule(target=known, device=st.sampled_from(DEVICES), priority=st.integers(-1, 2))
    def create(self, device: str | None, priority: int) -> str:
        async def work(session: Any) -> str:
            job = Job(kind="dataset_add", queue="analysis", title="a job", request={"name": "x"})
            job.device, job.priority = device, priority
            session.add(job)
            await session.flush()
            return str(job.id)

        job_id: str = self.run(work)
        self.ids.append(job_id)
        return job_id

    @rule(target=leases)
    def claim(self) -> Any:
        rows = self.rows()
        busy = {job.device for job in rows.values() if job.state in LIVE}
        free = [j for j in rows.values() if j.state == JobState.QUEUED and (j.device is None or j.device not in busy)]
        claimed = self.run(lambda session: jobs.claim(session, "analysis", lease_seconds=60, host="here"))
        assert (claimed is None) == (not free)
        if claimed is None:
            return multiple()
        assert claimed.priority == max(job.priority for job in free)
        assert claimed.lease not in [job.lease for job in rows.values()]
        return claimed.id, claimed.lease

    @rule(lease=leases, done=st.floats(0, 10))
    def renew(self, lease: tuple[str, str], done: float) -> None:
        job = self.rows().get(lease[0])
        holds = job is not None and job.lease == lease[1]
        answer = self.run(lambda session: jobs.renew(session, *lease, lease_seconds=60, done=done))
        assert (answer is not None) == holds
        if holds:
            assert answer == job.wanted
            assert self.rows()[lease[0]].done == done

    @rule(lease=leases, state=st.sampled_from(sorted(set(JobState) - set(LIVE))))
    def finish(self, lease: tuple[str, str], state: JobState) -> None:
        job = self.rows().get(lease[0])
        holds = job is not None and job.lease == lease[1]
        ended = self.run(lambda session: jobs.finish(session, *lease, state))
        assert (ended is not None) == holds
        if ended is not None:
            asked = {Wanted.CANCEL: JobState.CANCELLED, Wanted.PAUSE: JobState.PAUSED}
            assert ended.state == (state if state.is_terminal else asked.get(job.wanted, state))

    @rule(lease=leases, blame=st.booleans())
    def release(self, lease: tuple[str, str], blame: bool) -> None:
        job = self.rows().get(lease[0])
        holds = job is not None and job.lease == lease[1]
        released = self.run(lambda session: jobs.release(session, *lease, "it died", blame=blame))
        assert (released is not None) == holds
        if released is None:
            return
        given_up = blame and job.stalled_attempts >= MAX_STALLED_ATTEMPTS
        otherwise = JobState.FAILED if given_up else JobState.QUEUED
        wanted = {Wanted.CANCEL: JobState.CANCELLED, Wanted.PAUSE: JobState.PAUSED}.get(job.wanted, otherwise)
        assert released.state == wanted
        assert (released.error is not None) == (wanted == JobState.FAILED)

    @rule(job_id=known, wanted=st.sampled_from([Wanted.PAUSE, Wanted.CANCEL]))
    def ask(self, job_id: str, wanted: Wanted) -> None:
        job = self.rows().get(job_id)
        asked = self.run(lambda session: jobs.ask(session, job_id, wanted))
        able = {
            Wanted.PAUSE: {JobState.QUEUED, JobState.RUNNING},
            Wanted.CANCEL: {JobState.QUEUED, JobState.PAUSED, *LIVE},
        }
        stands = job is None or wanted == Wanted.CANCEL or job.wanted != Wanted.CANCEL
        assert (asked is not None) == (job is not None and job.state in able[wanted] and stands)

    @rule(job_id=known)
    def resume(self, job_id: str) -> None:
        job = self.rows().get(job_id)
        resumed = self.run(lambda session: jobs.resume(session, job_id))
        assert (resumed is not None) == (job is not None and job.state == JobState.PAUSED)

    @rule(job_id=known)
    def remove(self, job_id: str) -> None:
        job = self.rows().get(job_id)
        removed = self.run(lambda session: jobs.remove(session, job_id))
        assert removed == (job is not None and JobState(job.state).is_terminal)
        if removed:
            self.before.pop(job_id, None)

    # ── what always holds ────────────────────────────────────────────────────────────────────────

    @invariant()
    def every_change_was_allowed(self) -> None:
        for job_id, job in self.rows().items():
            before = self.before.get(job_id, JobState.QUEUED)
            assert job.state == before or JobState(job.state) in TRANSITIONS[JobState(before)], (
                f"{before} → {job.state}"
            )
            self.before[job_id] = job.state

    @invariant()
    def only_a_live_job_has_a_lease_and_only_an_ended_one_has_an_end(self) -> None:
        rows = self.rows()
        for job in rows.values():
            state = JobState(job.state)
            assert (job.lease is not None) == (job.lease_until is not None) == (job.host is not None) == state.is_live
            assert (job.finished_at is not None) == state.is_terminal
            assert (job.error is not None) <= (state == JobState.FAILED)
            assert job.wanted == Wanted.RUN or state.is_live
            assert (job.wanted == Wanted.PAUSE) <= (state == JobState.PAUSING)
            assert (job.state == JobState.RUNNING) <= (job.attempts > 0)
        for device in DEVICES[1:]:
            assert sum(job.device == device and job.state in LIVE for job in rows.values()) <= 1


async def _forget_all(session: Any) -> None:
    found, _ = await jobs.page(session, limit=1000)
    for job in found:
        await session.delete(job)


@pytest.mark.slow
def test_no_order_of_events_leads_to_an_illegal_state(settings: Settings) -> None:
    JobsMachine.portal = Portal(str(settings.database_url))
    try:
        run_state_machine_as_test(
            JobsMachine,
            settings=hypothesis_settings(
                max_examples=15,
                stateful_step_count=30,
                deadline=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        JobsMachine.portal.close()
