"""Trainings over HTTP: started, estimated, refused, listed, drawn, stopped; no worker runs here."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from mistudio.artifacts.atomic import partial_of
from mistudio.artifacts.kinds import Kind
from mistudio.studio.db import jobs, training_metrics, trainings
from mistudio.studio.db.lifecycle import JobState
from mistudio.studio.db.training_metrics import COLUMNS
from mistudio.training.layout import BEST, CHECKPOINTS
from tests.made_up_recording import HOOK
from tests.studio.workshop import Workshop, workshop

__all__ = ["workshop"]

CONFIG = {"sae": {"k": 4, "d_sae": 128}, "tokens": 25_600, "batch_size": 256, "buffer_tokens": 4096}


def start(client: httpx.Client, recording: str, **options: Any) -> httpx.Response:
    return client.post("/trainings", json={"recording_ids": [recording], "config": CONFIG, **options})


def started(client: httpx.Client, recording: str, **options: Any) -> dict[str, Any]:
    answer = start(client, recording, **options)
    assert answer.status_code == 202, answer.text
    training: dict[str, Any] = answer.json()["data"]
    return training


def error(answer: httpx.Response) -> dict[str, Any]:
    content: dict[str, Any] = answer.json()["error"]
    return content


def line(step: int, **values: float) -> dict[str, float]:
    return {**dict.fromkeys(COLUMNS, 0.0), "step": step, "tokens": step * 256, **values}


def write(workshop: Workshop, training_id: str, lines: list[dict[str, float]]) -> None:
    workshop.portal.run(lambda session: training_metrics.write(session, training_id, lines), timeout=120)


def test_a_training_waits_in_its_queue_with_names_for_all_that_it_is_made_of(client, workshop):
    recording = workshop.recording()
    training = started(client, recording)
    assert training["name"] == "made-up-resid_post.1-k4-x128"
    assert training["state"] == "queued"
    assert training["recordings"] == [{"id": recording, "name": "recording"}]
    assert (training["source"], training["hook"], training["d_in"], training["d_sae"]) == ("recording", HOOK, 32, 128)
    assert training["total_steps"] == 100
    job = workshop.job(training["job"]["id"])
    assert (job.kind, job.queue, job.device) == ("train", "training", "device:auto")
    assert job.subject == f"trainings/{training['id']}"
    assert client.get(f"/trainings/{training['id']}").json()["data"] == training


def test_names_are_chosen_so_that_none_is_taken_twice(client, workshop):
    recording = workshop.recording()
    names = [started(client, recording)["name"] for _ in range(3)]
    assert names == [f"made-up-resid_post.1-k4-x128{ending}" for ending in ("", "-2", "-3")]


def test_a_name_that_is_in_flight_is_refused(client, workshop):
    recording = workshop.recording()
    started(client, recording, name="mine")
    answer = start(client, recording, name="mine")
    assert answer.status_code == 409
    assert "mine" in error(answer)["message"]
    assert error(answer)["details"]["remedy"]


@pytest.mark.parametrize(
    ("request_body", "status", "said"),
    [
        ({"recording_ids": ["nothing"]}, 404, "no recording 'nothing'"),
        ({"recording_ids": ["recording"], "hook": "mlp_out.3"}, 422, "does not hold mlp_out.3"),
        ({"recording_ids": []}, 422, "recording_ids, or model_id"),
        ({"recording_ids": ["recording"], "config": {"sae": {"k": 999, "d_sae": 8}}}, 422, "only 8"),
        ({"recording_ids": ["recording"], "config": {"batch_size": 100_000}}, 422, "fewer than a batch"),
        ({"recording_ids": ["recording"], "model_id": "tiny"}, 422, "recording_ids, or model_id"),
    ],
)
def test_a_request_that_cannot_work_is_refused_before_it_waits(client, workshop, request_body, status, said):
    workshop.recording()
    answer = client.post("/trainings", json=request_body)
    assert answer.status_code == status
    assert said in error(answer)["message"]
    assert client.get("/trainings").json()["pagination"]["total"] == 0


def test_what_has_not_enough_memory_is_refused_with_the_numbers(client, workshop):
    recording = workshop.recording()
    huge = {**CONFIG, "sae": {"k": 4, "d_sae": 2_000_000_000}}
    answer = start(client, recording, config=huge)
    assert answer.status_code == 503
    assert error(answer)["code"] == "NotEnoughMemory"
    assert error(answer)["retryable"]
    details = error(answer)["details"]
    assert details["needed_bytes"] > details["available_bytes"] > 0
    assert details["parts"]["weights"] > 2_000_000_000 * 32 * 8
    assert "GiB" in error(answer)["message"]
    estimated = client.post("/trainings/estimate", json={"recording_ids": [recording], "config": huge}).json()["data"]
    assert not estimated["fits"]
    assert estimated["problems"][0].startswith("The memory needs")


def test_an_estimate_says_what_is_likely_to_go_wrong(client, workshop):
    recording = workshop.recording()
    for lr, far in ((50.0, True), (None, False)):
        config = {"sae": {"k": 2, "d_sae": 32}, "tokens": 1000, "batch_size": 64, "lr": lr}
        answer = client.post("/trainings/estimate", json={"recording_ids": [recording], "config": config})
        assert answer.status_code == 200, answer.text
        assert (
            any(each.startswith("The learning rate 50 is far above") for each in answer.json()["data"]["advice"]) == far
        )


def test_lines_of_an_earlier_version_have_no_penalty(client, workshop):
    training = started(client, workshop.recording())
    earlier = line(11)
    for name in ("penalty", "coefficient", "revived"):
        del earlier[name]
    write(workshop, training["id"], [earlier | {"step": 1}, line(11, penalty=0.5, coefficient=2.0, revived=3)])
    curves = client.get(f"/trainings/{training['id']}/metrics").json()["data"]
    assert [curves[name]["mean"] for name in ("penalty", "coefficient", "revived")] == [[0, 0.5], [0, 2], [0, 3]]


def test_an_estimate_names_its_parts_and_starts_nothing(client, workshop):
    recording = workshop.recording()
    body = {"recording_ids": [recording], "config": CONFIG}
    answer = client.post("/trainings/estimate", json=body)
    assert answer.status_code == 200, answer.text
    estimated = answer.json()["data"]
    assert estimated["fits"]
    assert estimated["memory_bytes"] == sum(part["bytes"] for part in estimated["memory"])
    assert all(part["meaning"] for part in estimated["memory"] + estimated["disk"])
    assert estimated["facts"]["steps"] == 100
    assert estimated["seconds"] is None
    assert "not known before the first run" in estimated["seconds_basis"]
    assert client.post("/jobs/estimate", json={"kind": "train", **body}).json()["data"] == {
        **estimated,
        "memory_available_bytes": pytest.approx(estimated["memory_available_bytes"], rel=0.5),
        "disk_free_bytes": pytest.approx(estimated["disk_free_bytes"], rel=0.5),
    }
    assert client.get("/trainings").json()["pagination"]["total"] == 0


def test_trainings_are_found_by_state_model_and_words(client, workshop):
    recording = workshop.recording()
    one, two = started(client, recording, name="one"), started(client, recording, name="two")
    client.post(f"/trainings/{two['id']}/pause")

    def found(**query: Any) -> list[str]:
        return [each["name"] for each in client.get("/trainings", params=query).json()["data"]]

    assert found(sortBy="name", order="asc") == ["one", "two"]
    assert found(state="paused") == ["two"]
    assert found(state=["queued", "paused"], sortBy="name") == ["two", "one"]
    assert found(search="ONE") == ["one"]
    assert found(model="made-up", sortBy="state", order="asc") == ["two", "one"]
    assert found(model="another") == []
    assert one["id"] != two["id"]


def test_pausing_resuming_stopping_and_retrying_act_on_the_newest_job(client, workshop):
    training = started(client, workshop.recording())

    def post(what: str, status: int = 200) -> Any:
        answer = client.post(f"/trainings/{training['id']}/{what}")
        assert answer.status_code == status, answer.text
        return answer.json().get("data") or error(answer)

    assert post("pause")["state"] == "paused"
    assert "paused" in post("pause", 409)["message"]
    assert post("resume")["state"] == "queued"
    assert post("stop")["state"] == "cancelled"
    assert "cancelled" in post("resume", 409)["message"]
    again = post("retry", 202)
    assert again["state"] == "queued"
    assert again["job"]["retry_of"] == training["job"]["id"]
    assert again["job"]["id"] != training["job"]["id"]
    assert client.get("/trainings").json()["pagination"]["total"] == 1


def test_the_state_and_the_last_line_are_those_of_now(client, workshop):
    training = started(client, workshop.recording())
    write(workshop, training["id"], [line(1, fvu=0.9, seconds=1.0), line(11, fvu=0.5, seconds=2.0)])
    workshop.portal.run(
        lambda session: jobs.claim(session, "training", lease_seconds=60, host="here")  # as a worker does
    )
    now = client.get(f"/trainings/{training['id']}").json()["data"]
    assert now["state"] == JobState.RUNNING
    assert (now["step"], now["tokens"], now["last_line"]["fvu"]) == (11, 2816, 0.5)
    assert now["tokens_per_second"] is None  # Nothing was reported by this attempt.


def test_an_attempt_that_goes_on_has_no_speed_until_it_has_its_own(client, workshop):
    training = started(client, workshop.recording())
    address, job_id = f"/trainings/{training['id']}", training["job"]["id"]

    def claim():
        return workshop.portal.run(lambda session: jobs.claim(session, "training", lease_seconds=60, host="here"))

    def report(job, rate):
        values = {"stage": "train", "done": 2816.0, "total": 10000.0, "rate": rate}
        workshop.portal.run(lambda session: jobs.renew(session, job_id, job.lease, lease_seconds=60, **values))

    first = claim()
    report(first, 1000.0)
    now = client.get(address).json()["data"]
    assert (now["tokens_per_second"], now["eta_seconds"]) == (1000, pytest.approx(7.184))
    workshop.portal.run(lambda session: jobs.finish(session, job_id, first.lease, JobState.PAUSED))
    workshop.portal.run(lambda session: jobs.resume(session, job_id))
    second = claim()
    now = client.get(address).json()["data"]
    assert now["tokens_per_second"] is now["eta_seconds"] is now["job"]["rate"] is None
    workshop.portal.run(lambda session: jobs.release(session, job_id, second.lease, "it was killed"))
    assert client.get(address).json()["data"]["job"]["eta_seconds"] is None


def test_curves_of_few_lines_are_the_lines(client, workshop):
    training = started(client, workshop.recording())
    write(workshop, training["id"], [line(step, loss=1 / step) for step in (1, 11, 21)])
    curves = client.get(f"/trainings/{training['id']}/metrics").json()["data"]
    assert curves["steps"] == [1, 11, 21]
    assert curves["loss"]["mean"] == curves["loss"]["min"] == curves["loss"]["max"] == [1, 1 / 11, 1 / 21]
    assert (curves["lines"], curves["sampled"]) == (3, False)
    assert {each["name"] for each in curves["definitions"]} == {
        *("loss", "auxiliary_loss", "fvu", "l0", "dead_share", "lr", "gradient_norm"),
        *("penalty", "coefficient", "revived"),
    }
    assert all(each["unit"] and each["definition"] for each in curves["definitions"])
    zoomed = client.get(f"/trainings/{training['id']}/metrics", params={"start_step": 2, "end_step": 11}).json()["data"]
    assert zoomed["steps"] == [11]


def test_a_training_without_lines_has_empty_curves(client, workshop):
    training = started(client, workshop.recording())
    curves = client.get(f"/trainings/{training['id']}/metrics").json()["data"]
    assert (curves["steps"], curves["loss"], curves["lines"]) == ([], {"min": [], "mean": [], "max": []}, 0)


def test_a_hundred_thousand_lines_are_drawn_with_their_extremes_and_quickly(client, workshop):
    training = started(client, workshop.recording())
    spikes = {33_333: 1e6, 77_777: -5.0}
    lines = [line(step, loss=spikes.get(step, 1.0), lr=step * 1e-6) for step in range(1, 100_001)]
    write(workshop, training["id"], lines)
    path, seconds = f"/trainings/{training['id']}/metrics", []
    for _ in range(5):
        begun = time.perf_counter()
        answer = client.get(path, params={"points": 1000})
        seconds.append(time.perf_counter() - begun)
    curves = answer.json()["data"]
    assert len(curves["steps"]) == 1000
    assert curves["lines"] == 100_000
    assert curves["sampled"]
    assert max(curves["loss"]["max"]) == 1e6
    assert min(curves["loss"]["min"]) == -5.0
    assert curves["steps"] == sorted(curves["steps"])
    assert curves["steps"][-1] == 100_000
    where = next(i for i, value in enumerate(curves["loss"]["max"]) if value == 1e6)
    assert curves["steps"][where - 1] < 33_333 <= curves["steps"][where]
    assert curves["loss"]["mean"][0] == pytest.approx(1.0)
    assert min(seconds) < 0.25  # 20 ms on an idle machine
    near = client.get(path, params={"points": 1000, "start_step": 33_300, "end_step": 33_400}).json()["data"]
    assert (len(near["steps"]), near["sampled"]) == (101, False)
    assert near["loss"]["mean"][33] == 1e6


def test_checkpoints_are_those_on_disk(client, workshop):
    training = started(client, workshop.recording(), name="mine")
    nothing = client.get(f"/trainings/{training['id']}/checkpoints").json()["data"]
    assert nothing == {"checkpoints": [], "every_steps": 10, "sae": None, "sae_bytes": None}
    folder = workshop.settings.home / "saes" / ".mine.partial" / ".work" / "checkpoints" / "step-000000250"
    folder.mkdir(parents=True)
    (folder / "state.safetensors").write_bytes(b"x" * 1000)
    [found] = client.get(f"/trainings/{training['id']}/checkpoints").json()["data"]["checkpoints"]
    assert (found["step"], found["tokens"], found["bytes"]) == (250, 64_000, 1000)


def test_a_training_is_deleted_by_a_job_once_it_has_ended(client, workshop):
    training = started(client, workshop.recording())
    assert client.delete(f"/trainings/{training['id']}").status_code == 409
    client.post(f"/trainings/{training['id']}/stop")
    answer = client.delete(f"/trainings/{training['id']}")
    assert answer.status_code == 202, answer.text
    workshop.work("analysis")
    assert client.get(f"/trainings/{training['id']}").status_code == 404
    assert workshop.portal.run(lambda session: trainings.get(session, training["id"])) is None


def test_a_finished_training_is_deleted_when_it_is_forced_and_its_sae_stays(client, workshop):
    training = started(client, workshop.recording(), name="finished")
    workshop.work()
    shown = client.get(f"/trainings/{training['id']}").json()["data"]
    assert (shown["state"], shown["sae"]["name"]) == ("completed", "finished")
    refused = client.delete(f"/trainings/{training['id']}")
    assert (refused.status_code, error(refused)["code"]) == (409, "StillUsed")
    assert client.delete(f"/trainings/{training['id']}", params={"force": True}).status_code == 202
    workshop.work("analysis")
    assert client.get(f"/trainings/{training['id']}").status_code == 404
    assert client.get(f"/saes/{shown['sae']['id']}").json()["data"]["name"] == "finished"


def test_an_sae_can_be_asked_for_from_a_checkpoint_of_a_training(client, workshop):
    training = started(client, workshop.recording(), name="run")
    path = f"/trainings/{training['id']}/finalize"
    nothing = client.post(path)
    assert (nothing.status_code, error(nothing)["message"]) == (404, "run has no checkpoint.")
    folder = partial_of(workshop.settings.store.path(Kind.SAE, "run"))
    for step in (10, 20):
        (folder / CHECKPOINTS / f"step-{step:09d}").mkdir(parents=True)
    (folder / BEST / "step-000000015").mkdir(parents=True)
    listed = client.get(f"/trainings/{training['id']}/checkpoints").json()["data"]
    assert ([each["step"] for each in listed["checkpoints"]], listed["best"]["step"]) == ([20, 10], 15)
    assert client.post(path, json={"step": 11}).status_code == 404
    asked = [client.post(path, json=body) for body in ({"step": 10}, {"best": True}, {"name": "mine"})]
    assert [answer.status_code for answer in asked] == [202] * 3, asked[0].text
    jobs_made = [workshop.job(answer.json()["data"]["job_id"]) for answer in asked]
    assert [job.request["name"] for job in jobs_made] == ["run-at-10", "run-at-best", "mine"]
    made = client.get(f"/trainings/{training['id']}/checkpoints").json()["data"]["made"]
    assert [(each["step"], each["best"], each["sae"]) for each in made] == [
        *((None, False, None), (None, True, None), (10, False, None))
    ]
    assert client.get(f"/trainings/{training['id']}").json()["data"]["job"]["kind"] == "train"
    assert client.post(path, json={"name": "mine"}).status_code == 409
    assert client.post(path, json={"name": "run"}).status_code == 409
