"""Steering as the API shows it: what is asked, what happens meanwhile, and the result.

A column is a way to write: 0 is the baseline, the model as it is; the others are the variants, in their order. Every
prompt is continued in every column, all in one batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, RootModel, model_validator

from mistudio.config import Config
from mistudio.errors import BadInput, EngineUnavailable, NotAllowedNow, NotFound
from mistudio.language_models.config import ModelConfig
from mistudio.steering.compare import Comparison, Reading
from mistudio.steering.config import Edit, Edits, GenerateConfig, SteeringSpec
from mistudio.studio.db import artifacts
from mistudio.studio.db.session import Session
from mistudio.studio.engine.messages import GenerateEvent, GenerateRequest, Piece
from mistudio.studio.http.schemas import ApiModel, ErrorBody

_VARIANTS, _NEW_TOKENS = 8, 2048


def _short_enough(config: GenerateConfig) -> GenerateConfig:
    if config.max_new_tokens > _NEW_TOKENS:
        raise ValueError(f"max_new_tokens may be at most {_NEW_TOKENS:,} here")
    return config


# ── what is asked ────────────────────────────────────────────────────────────────────────────────


class Variant(Config):
    """A way to steer: edits that act together."""

    name: str | None = Field(default=None, min_length=1, max_length=100)
    """What its column is called."""
    edits: Edits
    """The latents to edit, each at most once."""


class SteeringRequest(Config):
    """Prompts to continue, and ways to steer."""

    feature_set_id: str
    """Features of the SAE: a strength of 1 is the largest activation that they state for the latent. Id or name."""
    sae_id: str | None = None
    """The SAE; the feature set's own where not given, and it cannot be another. Id or name."""
    model_id: str | None = None
    """The model; the SAE's own where not given. Id or name."""
    other_model: bool = False
    """Steer a model that the SAE was not trained on, such as a fine-tuned one."""
    prompts: tuple[Annotated[str, Field(max_length=100_000)], ...] = Field(min_length=1, max_length=8)
    """Texts to continue, 1 to 8."""
    edits: Edits | None = None
    """One way to steer; or give `variants`."""
    variants: tuple[Variant, ...] = Field(default=(), max_length=_VARIANTS)
    """Several ways to steer, at most 8."""
    generate: Annotated[GenerateConfig, AfterValidator(_short_enough)] = GenerateConfig()
    """How to write; at most 2,048 tokens."""

    @model_validator(mode="after")
    def _something_to_steer_with(self) -> SteeringRequest:
        if (self.edits is None) == (not self.variants):
            raise ValueError("give edits, or variants, and not both")
        return self

    def ways(self) -> tuple[Variant, ...]:
        """The variants."""
        return self.variants if self.edits is None else (Variant(name="Steered", edits=self.edits),)


# ── the result ───────────────────────────────────────────────────────────────────────────────────


class Column(ApiModel):
    """One way to write."""

    name: str
    edits: list[Edit]
    """Empty in the baseline."""


class SteeredText(ApiModel):
    """What was written in one column for one prompt."""

    prompt: int
    """Number of the prompt, from 0."""
    column: int
    """Number of the column, from 0, the baseline."""
    text: str
    """Without the prompt and without special tokens."""
    tokens: int
    """Tokens written, the one that ended the text included."""
    tokens_edited: int
    """Tokens of prompt and text whose activation was edited."""
    tokens_massive: int
    """Tokens left as they were because their norm is above the SAE's token filter."""
    readings: list[Reading]
    """How active the edited latents are on the text: before the edit (`text`) and after it (`steered`)."""


class SteeringResult(ApiModel):
    """Baseline and steered texts of the same prompts."""

    model_id: str
    model_name: str
    sae_id: str
    sae_name: str
    feature_set_id: str
    hook: str
    columns: list[Column]
    prompts: list[str]
    prompt_tokens: list[int]
    """Tokens of each prompt, BOS included."""
    max_activation: dict[int, float]
    """Of each edited latent: what a strength of 1 means."""
    generate: GenerateConfig
    texts: list[SteeredText]
    """For each prompt one a column."""
    tokens: int
    """Tokens written in all columns."""
    seconds: float
    tokens_per_second: float


# ── what happens meanwhile ───────────────────────────────────────────────────────────────────────


class SteeringWaiting(ApiModel):
    """Others write before."""

    type: Literal["waiting"] = "waiting"
    ahead: int
    """How many."""


class SteeringLoading(ApiModel):
    """The model or the SAE is read from disk first."""

    type: Literal["loading"] = "loading"
    entity: Literal["model", "sae"]
    name: str


class SteeringStarted(ApiModel):
    """Writing begins."""

    type: Literal["start"] = "start"
    columns: list[Column]
    prompts: list[str]


class TextPiece(ApiModel):
    """What a text has grown by. Joined, special ones left out, the pieces are the text."""

    prompt: int
    column: int
    text: str
    special: bool
    """An end of text or another mark, not words."""


class SteeringTokens(ApiModel):
    """One token more for every text that goes on."""

    type: Literal["tokens"] = "tokens"
    pieces: list[TextPiece]


class SteeringDone(ApiModel):
    """All is written. The last event."""

    type: Literal["done"] = "done"
    result: SteeringResult


class SteeringFailed(ApiModel):
    """It broke off. The last event."""

    type: Literal["error"] = "error"
    error: ErrorBody


class SteeringEvent(
    RootModel[
        Annotated[
            SteeringWaiting | SteeringLoading | SteeringStarted | SteeringTokens | SteeringDone | SteeringFailed,
            Field(discriminator="type"),
        ]
    ]
):
    """One of the events of a stream; `done` or `error` comes last."""


# ── from the one to the other ────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class SteeringPlan:
    """A request whose model, SAE and features are found."""

    request: SteeringRequest
    model: Any
    sae: Any
    features: Any
    fits: bool
    """Whether the model is known to be the SAE's, or said to do in its place; else the engine compares their names."""

    @classmethod
    async def make(cls, session: Session, request: SteeringRequest) -> SteeringPlan:
        """Look up what the request names.

        Raises:
            NotFound: something, or a latent, does not exist.
            NotAllowedNow: the features' SAE, or the SAE's model, has been deleted.
            BadInput: the SAE is not the one that the features are of, or was trained on another model.
        """
        features = await row_of(session, "feature_set", request.feature_set_id)
        if features.sae_id is None:
            raise NotAllowedNow(f"The SAE of {features.name} is not here any more.", remedy="Choose other features.")
        sae = await row_of(session, "sae", request.sae_id or features.sae_id)
        if sae.id != features.sae_id:
            raise BadInput(
                f"{features.name} has the features of another SAE than {sae.name}.",
                remedy="Choose features that were found with this SAE, or find some.",
            )
        known = request.model_id or sae.model_id or features.model_id
        if known is None:
            raise NotAllowedNow(
                f"The model of {sae.name}, {sae.model_name}, is not here.", remedy="Add that model to the studio."
            )
        model = await row_of(session, "model", known)
        trained_on = await artifacts.get(session, "model", sae.model_id) if sae.model_id else None
        same = trained_on is not None and trained_on.digest == model.digest  # type: ignore[union-attr]
        if trained_on is not None and not same and not request.other_model:
            raise BadInput(
                f"{sae.name} was trained on {trained_on.name}, and not on {model.name}.",
                remedy="Leave model_id out, or set other_model if you mean a variant of that model.",
            )
        for edit in (edit for way in request.ways() for edit in way.edits):
            if edit.latent >= features.latents:
                raise NotFound(
                    f"There is no latent {edit.latent}.", remedy=f"Latents are numbered 0 to {features.latents - 1}."
                )
        return cls(request, model, sae, features, same or request.other_model)

    def for_engine(self) -> GenerateRequest:
        """The same for the engine."""
        specs = tuple(SteeringSpec(hook=self.features.hook, edits=way.edits) for way in self.request.ways())
        return GenerateRequest(
            model=ModelConfig(source=self.model.path),
            sae=self.sae.path,
            features=self.features.path,
            specs=specs,
            prompts=self.request.prompts,
            config=self.request.generate,
            other_model=self.fits,
        )

    def columns(self) -> list[Column]:
        """The baseline and the variants."""
        ways = [
            Column(name=way.name or f"Variant {number}", edits=list(way.edits))
            for number, way in enumerate(self.request.ways(), start=1)
        ]
        return [Column(name="As it is", edits=[]), *ways]

    def event_of(self, event: GenerateEvent) -> SteeringEvent:
        """An event of the engine, in columns and names.

        Raises:
            EngineUnavailable: the engine says something unknown.
        """
        if event.step is not None:
            return SteeringEvent(SteeringTokens(pieces=[self._piece(piece) for piece in event.step.pieces]))
        if event.finished is not None:
            return SteeringEvent(SteeringDone(result=self.result_of(event.finished)))
        if event.started is not None:
            return SteeringEvent(SteeringStarted(columns=self.columns(), prompts=list(self.request.prompts)))
        if event.loading is not None:
            is_sae = Path(event.loading.path).name == Path(self.sae.path).name
            row = self.sae if is_sae else self.model
            return SteeringEvent(SteeringLoading(entity="sae" if is_sae else "model", name=row.name))
        if event.waiting is not None:
            return SteeringEvent(SteeringWaiting(ahead=event.waiting.ahead))
        raise EngineUnavailable("The engine is of another version.", remedy="Stop the studio and start it again.")

    def result_of(self, comparison: Comparison) -> SteeringResult:
        """The finished texts."""
        rows_per_prompt = 1 + len(comparison.specs)
        return SteeringResult(
            model_id=self.model.id,
            model_name=self.model.name,
            sae_id=self.sae.id,
            sae_name=self.sae.name,
            feature_set_id=self.features.id,
            hook=comparison.hook,
            columns=self.columns(),
            prompts=list(comparison.prompts),
            prompt_tokens=[len(row.prompt_ids) for row in comparison.rows[::rows_per_prompt]],
            max_activation=comparison.max_activation,
            generate=comparison.config,
            texts=[
                SteeredText(
                    prompt=row.prompt,
                    column=0 if row.spec is None else row.spec + 1,
                    text=row.text,
                    tokens=len(row.token_ids),
                    tokens_edited=row.tokens_edited,
                    tokens_massive=row.tokens_massive,
                    readings=list(row.readings),
                )
                for row in comparison.rows
            ],
            tokens=sum(len(row.token_ids) for row in comparison.rows),
            seconds=comparison.seconds,
            tokens_per_second=comparison.tokens_per_second,
        )

    def _piece(self, piece: Piece) -> TextPiece:
        prompt, column = divmod(piece.row, 1 + len(self.request.ways()))
        return TextPiece(prompt=prompt, column=column, text=piece.text, special=piece.special)


async def row_of(session: Session, entity: str, id_or_name: str) -> Any:
    """What a request names.

    Raises:
        NotFound: there is no such thing.
    """
    row = await artifacts.get(session, entity, id_or_name)
    if row is None:
        words = "SAE" if entity == "sae" else entity.replace("_", " ")
        raise NotFound(f"There is no {words} {id_or_name!r}.", remedy=f"List the {words}s, or look at the store again.")
    return row
