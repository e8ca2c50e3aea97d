"""What can be asked of a worker: one class a kind of job. The HTTP interface takes them, the jobs' rows keep them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field, RootModel, model_validator

from mistudio.activations.config import TraceConfig
from mistudio.config import Config
from mistudio.corpora.config import CorpusConfig, TokenizeConfig
from mistudio.demo.config import DEMO_NAMES, DemoConfig
from mistudio.evaluation.config import EvaluateConfig
from mistudio.evaluation.probing.config import ProbingConfig
from mistudio.features.config import FindConfig
from mistudio.language_models.config import ModelConfig
from mistudio.training.config import TrainConfig

Queue = Literal["training", "extraction", "analysis", "llm"]
Entity = Literal[
    "dataset", "tokenization", "model", "recording", "training", "sae", "evaluation", "probing", "feature_set"
]
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"


def _check_name(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(_NAME, value):
        raise ValueError(
            "a name has at most 100 letters, digits, dots, dashes and underscores, and begins with a letter or digit"
        )
    return value


Name = Annotated[str, Field(pattern=_NAME), BeforeValidator(_check_name)]


class Request(Config):
    """What every request has."""

    queue: ClassVar[Queue] = "extraction"
    makes: ClassVar[Entity | None] = None
    """What exists when it is done."""
    resumes: ClassVar[bool] = False
    """Whether a job that is stopped goes on where it was; others begin again."""

    name: Name | None = None
    """Name of what is made, in the store; chosen from what it is made of where not given."""


class DatasetAdd(Request):
    """Bring text in."""

    queue: ClassVar[Queue] = "analysis"
    makes: ClassVar[Entity | None] = "dataset"
    kind: Literal["dataset_add"] = "dataset_add"
    config: CorpusConfig


class DatasetTokenize(Request):
    """Tokenize a data set for a model and pack it into contexts."""

    queue: ClassVar[Queue] = "analysis"
    makes: ClassVar[Entity | None] = "tokenization"
    kind: Literal["dataset_tokenize"] = "dataset_tokenize"
    dataset_id: str
    model_id: str
    """The model whose tokenizer is used."""
    config: TokenizeConfig = TokenizeConfig()


class ModelAdd(Request):
    """Fetch a model and keep it as safetensors."""

    queue: ClassVar[Queue] = "analysis"
    makes: ClassVar[Entity | None] = "model"
    kind: Literal["model_add"] = "model_add"
    config: ModelConfig


class Trace(Request):
    """Record activations."""

    makes: ClassVar[Entity | None] = "recording"
    resumes: ClassVar[bool] = True
    kind: Literal["trace"] = "trace"
    model_id: str
    tokenization_id: str
    config: TraceConfig


class Train(Request):
    """Train an SAE on recordings, or on a model that runs along."""

    queue: ClassVar[Queue] = "training"
    makes: ClassVar[Entity | None] = "sae"
    resumes: ClassVar[bool] = True
    kind: Literal["train"] = "train"
    recording_ids: tuple[str, ...] = ()
    """Recordings of one hook point; or a model and a tokenization."""
    model_id: str | None = None
    tokenization_id: str | None = None
    hook: str | None = None
    """Hook point, e.g. `resid_post.15`; the recording's own where it has only one."""
    config: TrainConfig = TrainConfig()

    @model_validator(mode="after")
    def _one_source(self) -> Train:
        live = self.model_id is not None and self.tokenization_id is not None and self.hook is not None
        if bool(self.recording_ids) == (self.model_id is not None or self.tokenization_id is not None):
            raise ValueError("give recording_ids, or model_id, tokenization_id and hook")
        if not self.recording_ids and not live:
            raise ValueError("without recordings, model_id, tokenization_id and hook are all needed")
        return self


class Finalize(Request):
    """Make an SAE from a checkpoint of a training that has not ended, or did not end well."""

    queue: ClassVar[Queue] = "analysis"
    makes: ClassVar[Entity | None] = "sae"
    kind: Literal["finalize"] = "finalize"
    training_id: str
    step: int | None = Field(default=None, ge=0)
    """Of which checkpoint; the newest where not given."""
    best: bool = False
    """Instead of the state with the best validation, which the training was told to keep."""


class Evaluate(Request):
    """Measure an SAE on text that it was not trained on."""

    makes: ClassVar[Entity | None] = "evaluation"
    kind: Literal["evaluate"] = "evaluate"
    sae_id: str
    model_id: str
    tokenization_id: str
    against_id: str | None = None
    """Another SAE of the same activations, such as one of another seed: how far does it have the same latents?"""
    config: EvaluateConfig = EvaluateConfig()


class Probe(Request):
    """Ask what an SAE's latents know of the labels of documents, or of how words are spelled."""

    makes: ClassVar[Entity | None] = "probing"
    kind: Literal["probe"] = "probe"
    sae_id: str
    model_id: str
    dataset_id: str | None = None
    """Documents with the label that `config.labels` names; without any, the model's own words are spelled."""
    config: ProbingConfig = ProbingConfig()


class Find(Request):
    """Find what activates every latent of an SAE."""

    makes: ClassVar[Entity | None] = "feature_set"
    resumes: ClassVar[bool] = True
    kind: Literal["find"] = "find"
    sae_id: str
    model_id: str
    tokenization_id: str
    recording_ids: tuple[str, ...] = ()
    """Recordings of that text at the SAE's hook point: they spare running the model."""
    config: FindConfig = FindConfig()


class Delete(Request):
    """Remove an artifact and its row."""

    queue: ClassVar[Queue] = "analysis"
    kind: Literal["delete"] = "delete"
    entity: Entity
    id: str


class Demo(Request):
    """The whole road on a small real model and real text."""

    queue: ClassVar[Queue] = "training"
    makes: ClassVar[Entity | None] = "feature_set"
    resumes: ClassVar[bool] = True
    kind: Literal["demo"] = "demo"
    config: DemoConfig = DemoConfig()


AnyRequest = Annotated[
    DatasetAdd | DatasetTokenize | ModelAdd | Trace | Train | Finalize | Evaluate | Probe | Find | Delete | Demo,
    Field(discriminator="kind"),
]


class JobRequest(RootModel[AnyRequest]):
    """Any of the requests, told apart by `kind`."""


REQUESTS: dict[str, type[Request]] = {
    str(each.model_fields["kind"].default): each for each in get_args(get_args(AnyRequest)[0])
}
"""The class of every kind of job."""

_INPUTS: Mapping[str, Entity] = {
    "dataset_id": "dataset",
    "model_id": "model",
    "tokenization_id": "tokenization",
    "sae_id": "sae",
    "against_id": "sae",
    "recording_ids": "recording",
}


def inputs_of(request: Mapping[str, Any]) -> set[tuple[Entity, str]]:
    """What a job's request reads: entities, and ids or names as they stand in it."""
    found: set[tuple[Entity, str]] = set()
    for field, entity in _INPUTS.items():
        given = request.get(field) or ()
        found |= {(entity, each) for each in ((given,) if isinstance(given, str) else given)}
    return found


def works_with(request: Mapping[str, Any], subject: str | None, entity: Entity, row_id: str, name: str | None) -> bool:
    """Whether a job of this request and subject works with a thing: reads it, goes on with it, or may do either.

    The demo names nothing: it takes up whatever an earlier walk made.
    """
    if inputs_of(request) & {(entity, row_id), (entity, name)} or subject == f"{entity}s/{row_id}":
        return True
    return request.get("kind") == "demo" and name is not None and DEMO_NAMES.fullmatch(name) is not None


QUEUES: tuple[Queue, ...] = ("training", "extraction", "analysis", "llm")
