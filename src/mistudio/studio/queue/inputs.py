"""What a request names, looked up before its job is written, so that one that cannot work is refused at once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mistudio.errors import BadInput, EmptyCorpus, HookMissing, NotFound, ShapeError
from mistudio.hardware import processor_has_bfloat16
from mistudio.language_models.hook_points import HookPoint, HookSite
from mistudio.studio.db import artifacts
from mistudio.studio.db.artifacts import Dataset, Model, Recording, Sae, Tokenization
from mistudio.studio.db.session import Session
from mistudio.studio.queue.requests import Entity, Evaluate, Find, Probe, Trace, Train

_BYTES = {"float16": 2, "float32": 4}


@dataclass(frozen=True)
class TrainInputs:
    """What a training reads."""

    request: Train
    """With ids in place of names, and with its hook point."""
    model_name: str
    model: Model | None
    """The one that runs along; none where recordings are read."""
    tokenization: Tokenization | None
    recordings: tuple[Recording, ...]
    hook: str
    d_in: int
    tokens: int
    """In one pass over the data."""
    value_bytes: int
    """Of a number in the shuffle buffer."""


@dataclass(frozen=True)
class ModelOnText:
    """A model and the text that it shall read."""

    model: Model
    tokenization: Tokenization


@dataclass(frozen=True)
class EvaluateInputs:
    """What an evaluation reads."""

    request: Evaluate
    """With ids in place of names."""
    sae: Sae
    model: Model
    tokenization: Tokenization
    against: Sae | None
    """The SAE that it is compared with."""


@dataclass(frozen=True)
class FindInputs:
    """What finding features reads."""

    request: Find
    """With ids in place of names."""
    sae: Sae
    model: Model
    tokenization: Tokenization
    recordings: tuple[Recording, ...]


async def row_of(session: Session, entity: Entity, id_or_name: str) -> Any:
    """The row of something that a request names.

    Raises:
        NotFound: there is none.
    """
    row = await artifacts.get(session, entity, id_or_name)
    if row is None:
        words = entity.replace("_", " ")
        raise NotFound(f"There is no {words} {id_or_name!r}.", remedy=f"List the {words}s and take one's id.")
    return row


async def train_inputs(session: Session, request: Train) -> TrainInputs:
    """Look up what a training reads.

    Raises:
        NotFound: a recording, the model or the tokenization is not there.
        BadInput: the recordings do not hold the hook point, or more latents shall be active than there are.
        HookMissing: the model has no such layer.
        EmptyCorpus: one pass over the data is smaller than a batch.
    """
    found = await (_from_recordings if request.recording_ids else _from_a_model)(session, request)
    config = request.config
    width = config.sae.width(found.d_in)
    if config.sae.k > width:
        raise BadInput(
            f"{config.sae.k} latents shall be active, and the SAE has only {width}.",
            remedy="Choose a smaller k, a larger expansion or more latents.",
        )
    if found.tokens < config.batch_size:
        raise EmptyCorpus(
            f"The data has {found.tokens:,} tokens, fewer than a batch of {config.batch_size:,}.",
            remedy="Record more tokens, or choose a smaller batch_size.",
        )
    return found


async def trace_inputs(session: Session, request: Trace) -> ModelOnText:
    """Look up what a recording is made from.

    Raises:
        NotFound: the model or the tokenization is not there.
        BadInput: a hook point is not understood.
        HookMissing: the model has no such layer.
    """
    found = await _model_on_text(session, request.model_id, request.tokenization_id)
    for hook in request.config.hooks:
        width_at(found.model, hook)
    return found


@dataclass(frozen=True)
class ProbeInputs:
    """What probing reads."""

    request: Probe
    """With ids in place of names."""
    sae: Sae
    model: Model
    dataset: Dataset | None
    """None where the model's own words are spelled."""


async def evaluate_inputs(session: Session, request: Evaluate) -> EvaluateInputs:
    """Look up what an evaluation reads.

    Raises:
        NotFound: an SAE, the model or the tokenization is not there.
        ShapeError: the SAE does not fit the model, or the other SAE is of another width.
        BadInput: the SAE is compared with itself.
    """
    sae: Sae = await row_of(session, "sae", request.sae_id)
    found = await _model_on_text(session, request.model_id, request.tokenization_id)
    _check_fit(sae, found.model)
    against: Sae | None = None
    if request.against_id is not None:
        against = await row_of(session, "sae", request.against_id)
        if against.id == sae.id:
            raise BadInput(
                f"{sae.name} is compared with itself.", remedy="Choose another SAE, such as one of another seed."
            )
        if against.d_in != sae.d_in:
            raise ShapeError(
                f"{sae.name} reads {sae.d_in} dimensions and {against.name} {against.d_in}: they can not be compared.",
                remedy="Compare SAEs of the same hook point of the same model.",
            )
    ids = {
        "sae_id": sae.id,
        "model_id": found.model.id,
        "tokenization_id": found.tokenization.id,
        "against_id": against.id if against is not None else None,
    }
    return EvaluateInputs(request.model_copy(update=ids), sae, found.model, found.tokenization, against)


async def probe_inputs(session: Session, request: Probe) -> ProbeInputs:
    """Look up what probing reads.

    Raises:
        NotFound: the SAE, the model or the documents are not there.
        ShapeError: the SAE does not fit the model.
        BadInput: no label is named, or more latents are asked for than the SAE has.
    """
    sae: Sae = await row_of(session, "sae", request.sae_id)
    model: Model = await row_of(session, "model", request.model_id)
    _check_fit(sae, model)
    dataset: Dataset | None = None
    if request.dataset_id is not None:
        dataset = await row_of(session, "dataset", request.dataset_id)
        labels = request.config.labels
        if labels.label is None:
            raise BadInput(
                "No label is named.", remedy="Name the label to probe for: a key of the metadata of these documents."
            )
        if (most := max(*labels.ks, *labels.perturbed)) > sae.d_sae:
            raise BadInput(
                f"{sae.name} has {sae.d_sae:,} latents, and {most:,} are asked for.",
                remedy="Give smaller numbers as ks and perturbed.",
            )
    ids = {"sae_id": sae.id, "model_id": model.id, "dataset_id": dataset.id if dataset is not None else None}
    return ProbeInputs(request.model_copy(update=ids), sae, model, dataset)


def _check_fit(sae: Sae, model: Model) -> None:
    if (width := width_at(model, sae.hook)) != sae.d_in:
        raise ShapeError(f"{sae.name} reads {sae.d_in} dimensions, and {sae.hook} of {model.name} has {width}.")


async def find_inputs(session: Session, request: Find) -> FindInputs:
    """Look up what finding features reads.

    Raises:
        NotFound: the SAE, the model, the tokenization or a recording is not there.
        ShapeError: the SAE does not fit the model.
        BadInput: a recording is of another text, or does not hold the SAE's hook point.
    """
    wanted = Evaluate(sae_id=request.sae_id, model_id=request.model_id, tokenization_id=request.tokenization_id)
    found = await evaluate_inputs(session, wanted)
    sae = found.sae
    recordings: list[Recording] = [await row_of(session, "recording", each) for each in request.recording_ids]
    for row in recordings:
        if row.tokenization_id not in (None, found.tokenization.id):
            raise BadInput(
                f"{row.name} is a recording of another text than {found.tokenization.name}.",
                remedy="Choose a recording of that text, or none: then the model runs along.",
            )
        if sae.hook not in row.hooks:
            raise BadInput(
                f"{row.name} does not hold {sae.hook}, which {sae.name} reads.",
                remedy=f"It holds {', '.join(row.hooks)}. Choose another, or none: then the model runs along.",
            )
    ids = {
        "sae_id": sae.id,
        "model_id": found.model.id,
        "tokenization_id": found.tokenization.id,
        "recording_ids": tuple(row.id for row in recordings),
    }
    return FindInputs(request.model_copy(update=ids), sae, found.model, found.tokenization, tuple(recordings))


def width_at(model: Model, hook: str) -> int:
    """The width of a model's activations at a hook point.

    Raises:
        BadInput: the hook point is not understood.
        HookMissing: the model has no such layer.
    """
    point = HookPoint.parse(hook)
    if point.layer >= model.n_layers:
        raise HookMissing(
            f"{model.name} has no layer {point.layer}.", remedy=f"Choose a layer from 0 to {model.n_layers - 1}."
        )
    return _heads_width(model) if point.site is HookSite.ATTN_Z else model.d_model


def stored_value_bytes(model: Model) -> int:
    """Bytes of a number in a model's files."""
    config = _config_of(model)
    return 4 if "float32" in (config.get("dtype"), config.get("torch_dtype")) else 2


def _config_of(model: Model) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((Path(model.path) / "config.json").read_text(encoding="utf-8"))
    return config.get("text_config") or config


def _heads_width(model: Model) -> int:
    """Heads × head size, which need not be d_model."""
    config = _config_of(model)
    heads, size = config.get("num_attention_heads") or config.get("n_head"), config.get("head_dim")
    return int(heads) * int(size) if heads and size else model.d_model


async def _from_recordings(session: Session, request: Train) -> TrainInputs:
    rows: list[Recording] = [await row_of(session, "recording", each) for each in request.recording_ids]
    hooks = [row.manifest["metrics"]["hooks"] for row in rows]
    hook = request.hook or (rows[0].hooks[0] if len(rows[0].hooks) == 1 else None)
    if hook is None:
        raise BadInput(
            f"{rows[0].name} holds several hook points.", remedy=f"Name one as hook: {', '.join(rows[0].hooks)}."
        )
    for row, recorded in zip(rows, hooks, strict=True):
        if hook not in recorded:
            raise BadInput(f"{row.name} does not hold {hook}.", remedy=f"It holds {', '.join(row.hooks)}.")
    config = rows[0].manifest["config"]
    return TrainInputs(
        request=request.model_copy(update={"recording_ids": tuple(row.id for row in rows), "hook": hook}),
        model_name=config["model"]["name"],
        model=None,
        tokenization=None,
        recordings=tuple(rows),
        hook=hook,
        d_in=hooks[0][hook]["d"],
        tokens=sum(recorded[hook]["tokens"] for recorded in hooks),
        value_bytes=_BYTES[config["dtype"]],
    )


async def _from_a_model(session: Session, request: Train) -> TrainInputs:
    assert request.model_id is not None
    assert request.tokenization_id is not None
    assert request.hook is not None
    found = await _model_on_text(session, request.model_id, request.tokenization_id)
    ids = {"model_id": found.model.id, "tokenization_id": found.tokenization.id}
    layout = found.tokenization.manifest["metrics"].get("layout", {})
    contexts = layout.get("contexts_train", found.tokenization.contexts)
    return TrainInputs(
        request=request.model_copy(update=ids),
        model_name=found.model.manifest["config"]["name"],
        model=found.model,
        tokenization=found.tokenization,
        recordings=(),
        hook=request.hook,
        d_in=width_at(found.model, request.hook),
        tokens=contexts * found.tokenization.context_length,
        value_bytes=2 if processor_has_bfloat16() else 4,
    )


async def _model_on_text(session: Session, model_id: str, tokenization_id: str) -> ModelOnText:
    model: Model = await row_of(session, "model", model_id)
    return ModelOnText(model, await row_of(session, "tokenization", tokenization_id))
