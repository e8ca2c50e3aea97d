"""The road as the Home page shows it: what exists at each step, what runs, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from mistudio.studio.db import artifacts, evaluations, features, jobs
from mistudio.studio.db.artifacts import TABLES
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.lifecycle import LIVE, JobState
from mistudio.studio.db.session import Session
from mistudio.studio.http.jobs import JobOut, job_out
from mistudio.studio.http.references import Ref
from mistudio.studio.http.schemas import ApiModel

StepKey = Literal["prepare", "train", "find", "explain", "score", "correlate", "monitor", "steer"]
NextKey = Literal["watch", "demo", "model", "dataset", "tokenization", "train", "find", "label", "steer"]


class RoadItem(Ref):
    """The newest of its kind."""

    created_at: datetime


class RoadCount(ApiModel):
    """How many there are of one kind of thing."""

    entity: str
    """model, dataset, tokenization, recording, sae, evaluation, feature_set or label."""
    count: int
    newest: RoadItem | None


class RoadStep(ApiModel):
    """One step of the road."""

    number: int
    """0 for what goes before the seven."""
    key: StepKey
    title: str
    meaning: str
    available: bool
    """Whether this version does it."""
    counts: list[RoadCount]
    jobs: list[JobOut]
    """Those of this step that wait, run or are paused."""


class NextStep(ApiModel):
    """What to do next."""

    key: NextKey
    title: str
    why: str
    entity: str | None
    """What to do it with, if there is something."""
    id: str | None
    name: str | None


class DemoState(ApiModel):
    """How far the demo is."""

    state: JobState | None
    """Of its newest job; null where the studio never ran it."""
    job: JobOut | None
    feature_set: Ref | None
    """What it found, once it is through."""


class Road(ApiModel):
    """What exists at each step, and what to do next."""

    steps: list[RoadStep]
    next: NextStep
    demo: DemoState


class _Step(NamedTuple):
    key: StepKey
    title: str
    meaning: str
    entities: tuple[str, ...]
    kinds: tuple[str, ...]
    """Of jobs."""
    available: bool = True


_STEPS = (
    _Step(
        "prepare",
        "Text and a model",
        "Bring in text and a model, tokenize the text for the model, and record what the model computes on it.",
        ("model", "dataset", "tokenization", "recording"),
        ("model_add", "dataset_add", "dataset_tokenize", "trace", "demo"),
    ),
    _Step(
        "train",
        "Train an SAE",
        "A sparse autoencoder learns to write each activation as a sum of a few of its latents.",
        ("sae", "evaluation"),
        ("train", "evaluate"),
    ),
    _Step("find", "Find features", "See on which passages each latent is active.", ("feature_set",), ("find",)),
    _Step("explain", "Explain", "Say in words what a feature stands for: labels and notes.", ("label",), ()),
    _Step("score", "Score", "Test an explanation on text that it was not written from.", (), (), available=False),
    _Step("correlate", "Correlate", "Ask which features a text or a concept lights up.", (), (), available=False),
    _Step("monitor", "Monitor", "Watch features while a model is used.", (), (), available=False),
    _Step("steer", "Steer", "Turn features up or down and read what the model writes then.", (), ()),
)


async def road(session: Session) -> Road:
    """What exists at each step, what runs, and what to do next."""
    counts = await _counts(session)
    unfinished = await jobs.unfinished(session)
    steps = [
        RoadStep(
            number=number,
            key=step.key,
            title=step.title,
            meaning=step.meaning,
            available=step.available,
            counts=[counts[entity] for entity in step.entities],
            jobs=[job_out(job) for job in unfinished if job.kind in step.kinds],
        )
        for number, step in enumerate(_STEPS)
    ]
    return Road(steps=steps, next=_next(counts, unfinished), demo=await _demo(session))


async def _counts(session: Session) -> dict[str, RoadCount]:
    counts = {}
    for entity in TABLES:
        rows, total = await artifacts.page(session, entity, limit=1)
        newest = [RoadItem(id=row.id, name=row.name, created_at=row.created_at) for row in rows]
        counts[entity] = RoadCount(entity=entity, count=total, newest=newest[0] if newest else None)
    for entity, total in {
        "evaluation": await evaluations.count(session),
        "label": await features.count_labelled(session),
    }.items():
        counts[entity] = RoadCount(entity=entity, count=total, newest=None)
    return counts


async def _demo(session: Session) -> DemoState:
    newest, _ = await jobs.page(session, kinds=("demo",), limit=1)
    job = newest[0] if newest else None
    # The command line may have walked the demo in this home, too.
    sets, _ = await artifacts.page(session, "feature_set", search="demo-", limit=1)
    return DemoState(
        state=JobState(job.state) if job is not None else None,
        job=job_out(job) if job is not None else None,
        feature_set=Ref(id=sets[0].id, name=sets[0].name) if sets else None,
    )


def _next(counts: Mapping[str, RoadCount], unfinished: Sequence[Job]) -> NextStep:
    """The first thing that is missing, with what it is to be made of."""
    if unfinished:
        job = next((each for each in unfinished if each.state in LIVE), unfinished[0])
        return NextStep(key="watch", title=job.title, why=_WATCH, entity="job", id=job.id, name=job.title)
    if not any(counts[entity].count for entity in TABLES):
        return _of("demo", None)
    for key, missing, material in _ORDER:
        if not counts[missing].count:
            return _of(key, counts[material] if material else None)
    return _of("steer", counts["feature_set"])


def _of(key: NextKey, made_of: RoadCount | None) -> NextStep:
    title, why = _WORDS[key]
    newest = made_of.newest if made_of is not None else None
    return NextStep(
        key=key,
        title=title,
        why=why,
        entity=made_of.entity if made_of is not None and newest is not None else None,
        id=newest.id if newest is not None else None,
        name=newest.name if newest is not None else None,
    )


_WATCH = "It is being worked on."
_ORDER: tuple[tuple[NextKey, str, str | None], ...] = (
    ("model", "model", None),
    ("dataset", "dataset", None),
    ("tokenization", "tokenization", "dataset"),
    ("train", "sae", "tokenization"),
    ("find", "feature_set", "sae"),
    ("label", "label", "feature_set"),
)
"""What to do, where what is missing, and of what it is made."""

_WORDS: Mapping[NextKey, tuple[str, str]] = {
    "demo": ("Walk the road once", "The demo goes from text to steering with a small model; it asks for nothing."),
    "model": ("Add a model", "Everything here is read from the inside of a language model."),
    "dataset": ("Add a data set", "The model has to read something: bring in text."),
    "tokenization": ("Tokenize the text", "The text has to be cut into the tokens of the model."),
    "train": ("Train an SAE", "Model and text are ready."),
    "find": ("Find features", "An SAE is there, and nobody knows yet what its latents stand for."),
    "label": ("Look at the features", "Read where they are active, and give the clear ones a label."),
    "steer": ("Steer", "Turn a feature up and see what the model writes."),
}
