"""Templates: names for configurations, of four kinds."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query
from pydantic import Field, RootModel

from mistudio.activations.config import TraceConfig
from mistudio.config import Config
from mistudio.errors import NotFound
from mistudio.features.config import FindConfig
from mistudio.steering.config import Edits, GenerateConfig
from mistudio.studio.db import presets
from mistudio.studio.db.presets import Preset
from mistudio.studio.events.catalogue import StoreChanged
from mistudio.studio.events.publish import publish
from mistudio.studio.http.dependencies import Paged, RequestTransaction, Transaction
from mistudio.studio.http.errors import errors
from mistudio.studio.http.schemas import ApiModel, Data, Page
from mistudio.training.config import TrainConfig

router = APIRouter(prefix="/templates", tags=["templates"])
Kind = Literal["training", "extraction", "steering", "prompt"]


class TrainingConfiguration(Config):
    """How to train, and on what; what is not given is chosen when the template is used."""

    train: TrainConfig = TrainConfig()
    """The training; options that are not given have their defaults."""
    hook: str | None = Field(default=None, max_length=64)
    """Hook point, e.g. `resid_post.15`."""
    recording_ids: tuple[str, ...] = ()
    """Recordings to train on; or a model and a tokenization."""
    model_id: str | None = None
    """Model that runs along."""
    tokenization_id: str | None = None
    """Text that it reads."""


class ExtractionConfiguration(Config):
    """How to record activations and find features."""

    find: FindConfig = FindConfig()
    """How features are found."""
    trace: TraceConfig | None = None
    """How activations are recorded first; where null they are not."""


class SteeringConfiguration(Config):
    """Latents to turn up or down, and how to write."""

    feature_set_id: str | None = None
    """Features that the latents belong to."""
    sae_id: str | None = None
    """The SAE that they belong to."""
    edits: Edits
    """The latents to edit."""
    generate: GenerateConfig = GenerateConfig()
    """How to write."""
    prompts: tuple[Annotated[str, Field(max_length=100_000)], ...] = Field(default=(), max_length=8)
    """Texts to continue."""


class PromptConfiguration(Config):
    """Texts to continue."""

    prompts: tuple[Annotated[str, Field(min_length=1, max_length=100_000)], ...] = Field(min_length=1, max_length=100)
    """The texts."""


class _Given(Config):
    name: str = Field(min_length=1, max_length=128, pattern=r"\S")
    """Unique among the templates of its kind."""
    description: str = Field(default="", max_length=2000)
    """What it is good for."""
    is_favorite: bool = False
    """Favourites come first."""


class TrainingTemplate(_Given):
    """A template for trainings."""

    kind: Literal["training"]
    config: TrainingConfiguration


class ExtractionTemplate(_Given):
    """A template for finding features."""

    kind: Literal["extraction"]
    config: ExtractionConfiguration


class SteeringTemplate(_Given):
    """A template for steering."""

    kind: Literal["steering"]
    config: SteeringConfiguration


class PromptTemplate(_Given):
    """A template of prompts."""

    kind: Literal["prompt"]
    config: PromptConfiguration


class TemplateGiven(
    RootModel[
        Annotated[
            TrainingTemplate | ExtractionTemplate | SteeringTemplate | PromptTemplate, Field(discriminator="kind")
        ]
    ]
):
    """A template to keep; its kind says what its configuration is."""


class _Kept(ApiModel):
    id: str
    name: str
    description: str
    is_favorite: bool
    created_at: datetime
    updated_at: datetime


class TrainingTemplateOut(_Kept):
    """A template for trainings, every option spelled out."""

    kind: Literal["training"]
    config: TrainingConfiguration


class ExtractionTemplateOut(_Kept):
    """A template for finding features, every option spelled out."""

    kind: Literal["extraction"]
    config: ExtractionConfiguration


class SteeringTemplateOut(_Kept):
    """A template for steering, every option spelled out."""

    kind: Literal["steering"]
    config: SteeringConfiguration


class PromptTemplateOut(_Kept):
    """A template of prompts."""

    kind: Literal["prompt"]
    config: PromptConfiguration


class TemplateOut(
    RootModel[
        Annotated[
            TrainingTemplateOut | ExtractionTemplateOut | SteeringTemplateOut | PromptTemplateOut,
            Field(discriminator="kind"),
        ]
    ]
):
    """A template; its kind says what its configuration is."""


_EXAMPLES: dict[str, Any] = {
    "training": {
        "summary": "A wide SAE",
        "value": {
            "kind": "training",
            "name": "Wide",
            "description": "Four times the features of the default.",
            "config": {"train": {"sae": {"architecture": "topk", "expansion": 32}, "tokens": 8000000}},
        },
    },
    "prompt": {
        "summary": "Prompts to steer",
        "value": {"kind": "prompt", "name": "Openings", "config": {"prompts": ["My fellow citizens,"]}},
    },
}
Given = Annotated[TemplateGiven, Body(openapi_examples=_EXAMPLES)]


@router.get("")
async def list_templates(
    transaction: Transaction,
    paging: Paged,
    kind: Annotated[list[Kind] | None, Query(description="Only these kinds; may be repeated.")] = None,
    is_favorite: Annotated[bool | None, Query(description="Only favourites, or only the others.")] = None,
    sortBy: Literal["name", "created_at", "updated_at"] = "updated_at",
) -> Page[TemplateOut]:
    """All templates, favourites first."""
    found, total = await presets.page(
        transaction.session,
        kinds=kind or (),
        search=paging.search,
        favorites=is_favorite,
        sort=sortBy,
        descending=paging.descending,
        offset=paging.offset,
        limit=paging.limit,
    )
    return paging.of(map(_out, found), total)


@router.post("", status_code=201, responses=errors(409))
async def add_template(given: Given, transaction: Transaction) -> Data[TemplateOut]:
    """Keep a configuration under a name."""
    return await _save(transaction, Preset(), given)


@router.get("/{template_id}", responses=errors(404))
async def get_template(template_id: str, transaction: Transaction) -> Data[TemplateOut]:
    """One template."""
    return Data(data=_out(await _find(transaction, template_id)))


@router.put("/{template_id}", responses=errors(404, 409))
async def replace_template(template_id: str, given: Given, transaction: Transaction) -> Data[TemplateOut]:
    """Write a template anew."""
    return await _save(transaction, await _find(transaction, template_id), given)


@router.delete("/{template_id}", responses=errors(404))
async def delete_template(template_id: str, transaction: Transaction) -> Data[TemplateOut]:
    """Remove a template; what was made with it stays."""
    preset = await _find(transaction, template_id)
    await transaction.session.delete(preset)
    await publish(transaction.session, StoreChanged(entity="template", id=preset.id), ["store"])
    return Data(data=_out(preset))


async def _save(transaction: RequestTransaction, preset: Preset, given: TemplateGiven) -> Data[TemplateOut]:
    template = given.root
    preset.kind, preset.name, preset.description = template.kind, template.name.strip(), template.description
    preset.is_favorite = template.is_favorite
    # Options that are not given follow the defaults of the version that uses the template.
    preset.config = template.config.model_dump(mode="json", exclude_unset=True)
    await presets.save(transaction.session, preset)
    await publish(transaction.session, StoreChanged(entity="template", id=preset.id), ["store"])
    return Data(data=_out(preset))


async def _find(transaction: RequestTransaction, template_id: str) -> Preset:
    preset = await presets.get(transaction.session, template_id)
    if preset is None:
        raise NotFound(f"There is no template {template_id!r}.", remedy="List the templates.")
    return preset


def _out(preset: Preset) -> TemplateOut:
    return TemplateOut.model_validate(preset, from_attributes=True)
