"""What the studio answers. Each class has the fields that programs ask for; the others are there too, as attributes.

A contract test compares the fields with the studio's OpenAPI document.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from mistudio.steering.compare import Reading
from mistudio.steering.config import Edit, GenerateConfig


class Answer(BaseModel):
    """The base of them: frozen, and open for what later studios say."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True, protected_namespaces=())
    schema_name: ClassVar[str]
    """Of the same thing in the studio's OpenAPI document."""


class Ref(Answer):
    """Another thing of the studio."""

    schema_name = "Ref"

    id: str
    name: str


class Thing(Answer):
    """What has an id and a name."""

    id: str
    name: str


# ── jobs ─────────────────────────────────────────────────────────────────────────────────────────


class JobResult(Answer):
    """What a job made."""

    schema_name = "JobResult"

    entity: str
    id: str | None
    name: str


class JobError(Answer):
    """Why a job failed."""

    schema_name = "JobError"

    code: str
    message: str
    remedy: str


class Job(Answer):
    """A piece of work."""

    schema_name = "JobOut"

    id: str
    kind: str
    title: str
    state: str
    """queued, running, pausing, paused, completed, completed_with_errors, failed, or cancelled."""
    stage: str | None
    done: float | None
    total: float | None
    """In units of `done`; None where nobody knows it."""
    rate: float | None
    """Units a second."""
    eta_seconds: float | None
    metrics: dict[str, Any]
    failed_items: int
    attempts: int
    result: JobResult | None
    error: JobError | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None

    @property
    def has_ended(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self.state in ("completed", "completed_with_errors", "failed", "cancelled")


# ── what there is ────────────────────────────────────────────────────────────────────────────────


class Dataset(Thing):
    """Text that was brought in."""

    schema_name = "DatasetOut"

    bytes: int
    documents: int
    held_out_documents: int
    characters: int
    created_at: datetime


class Document(Answer):
    """A text of a data set, or the beginning of one."""

    schema_name = "DocumentSample"

    doc: int
    name: str
    text: str
    held_out: bool


class Tokenization(Thing):
    """A data set, tokenized for a model."""

    schema_name = "TokenizationOut"

    bytes: int
    dataset: Ref | None
    model: Ref | None
    contexts: int
    context_length: int
    tokens: int
    created_at: datetime


class Model(Thing):
    """A language model."""

    schema_name = "ModelOut"

    bytes: int
    source: str
    d_model: int
    n_layers: int
    vocab_size: int
    created_at: datetime


class Recording(Thing):
    """Activations on disk."""

    schema_name = "RecordingOut"

    bytes: int
    model: Ref | None
    tokenization: Ref | None
    hooks: list[dict[str, Any]]
    """Of each hook point its name and numbers."""
    tokens: int
    created_at: datetime


class Training(Thing):
    """A training run."""

    schema_name = "TrainingOut"

    state: str
    job: Job | None
    """The newest job of the run; None for one of the command line."""
    sae: Ref | None
    """Once it is finished."""
    hook: str
    d_in: int
    d_sae: int
    step: int
    total_steps: int
    created_at: datetime


class Sae(Thing):
    """A sparse autoencoder."""

    schema_name = "SaeOut"

    bytes: int
    model: Ref | None
    model_name: str
    hook: str
    architecture: str
    d_in: int
    d_sae: int
    k: int | None
    created_at: datetime


class Evaluation(Answer):
    """Numbers of an SAE on some text."""

    schema_name = "EvaluationOut"

    id: str
    tokens: int
    numbers: list[dict[str, Any]]
    """Each with its definition."""
    created_at: datetime


class FeatureSet(Thing):
    """What activates every latent of an SAE."""

    schema_name = "FeatureSetOut"

    bytes: int
    hook: str
    tokens: int
    latents: int
    alive: int
    loaded: bool
    created_at: datetime


class Feature(Answer):
    """One latent in numbers, and what people say of it."""

    schema_name = "FeatureOut"

    latent: int
    label: str | None
    notes: str | None
    starred: bool
    density: float
    count: int
    max: float
    mean: float
    documents: int


class Template(Answer):
    """A named configuration: of a training, an extraction, a steering, or a prompt."""

    schema_name = "TemplateOut"

    id: str
    name: str
    kind: str
    config: dict[str, Any]


# ── steering ─────────────────────────────────────────────────────────────────────────────────────


class Column(Answer):
    """One way to write; the first is the baseline, the model as it is."""

    schema_name = "Column"

    name: str
    edits: list[Edit]


class SteeredText(Answer):
    """What was written in one column for one prompt."""

    schema_name = "SteeredText"

    prompt: int
    column: int
    text: str
    tokens: int
    tokens_edited: int
    tokens_massive: int
    readings: list[Reading]


class SteeringResult(Answer):
    """Baseline and steered texts of the same prompts."""

    schema_name = "SteeringResult"

    hook: str
    columns: list[Column]
    prompts: list[str]
    max_activation: dict[int, float]
    """Of each edited latent: what a strength of 1 means."""
    generate: GenerateConfig
    texts: list[SteeredText]
    seconds: float
    tokens_per_second: float

    def text(self, prompt: int = 0, column: int = 1) -> str:
        """What was written for a prompt in a column; 0 is the baseline."""
        return next(each.text for each in self.texts if (each.prompt, each.column) == (prompt, column))

    @property
    def baseline(self) -> str:
        """What the model writes by itself after the first prompt."""
        return self.text(column=0)

    @property
    def steered(self) -> str:
        """What it writes after the first prompt under the first edits."""
        return self.text()


class StrengthSuggestion(Answer):
    """Strengths to begin with, for adding."""

    schema_name = "StrengthSuggestion"

    latent: int
    max_activation: float
    subtle: float
    moderate: float
    strong: float
    reason: str


class SteeringWaiting(Answer):
    """Others write before."""

    schema_name = "SteeringWaiting"

    type: Literal["waiting"]
    ahead: int


class SteeringLoading(Answer):
    """The model or the SAE is read from disk first."""

    schema_name = "SteeringLoading"

    type: Literal["loading"]
    entity: Literal["model", "sae"]
    name: str


class SteeringStarted(Answer):
    """Writing begins."""

    schema_name = "SteeringStarted"

    type: Literal["start"]
    columns: list[Column]
    prompts: list[str]


class TextPiece(Answer):
    """What a text has grown by."""

    schema_name = "TextPiece"

    prompt: int
    column: int
    text: str
    special: bool


class SteeringTokens(Answer):
    """One token more for every text that goes on."""

    schema_name = "SteeringTokens"

    type: Literal["tokens"]
    pieces: list[TextPiece]


class SteeringDone(Answer):
    """All is written."""

    schema_name = "SteeringDone"

    type: Literal["done"]
    result: SteeringResult


SteeringEvent = Annotated[
    SteeringWaiting | SteeringLoading | SteeringStarted | SteeringTokens | SteeringDone, Field(discriminator="type")
]
