"""What a job will need: what its request names is looked up, the library estimates."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mistudio.activations import estimate as recordings
from mistudio.activations.config import StreamConfig
from mistudio.activations.estimate import RunningModel
from mistudio.corpora import estimate as corpora
from mistudio.demo import estimate as demo
from mistudio.errors import NotFound
from mistudio.evaluation import estimate as evaluations
from mistudio.evaluation.probing import estimate as probings
from mistudio.features import estimate as features
from mistudio.hardware import Estimate, Part, Reached, processor_has_bfloat16
from mistudio.language_models import estimate as language_models
from mistudio.language_models.hook_points import HookPoint
from mistudio.sae.config import TopKConfig
from mistudio.studio.db import artifacts
from mistudio.studio.db.artifacts import Dataset, Model, Recording, Sae, Tokenization
from mistudio.studio.db.session import Session
from mistudio.studio.db.trainings import get as get_training
from mistudio.studio.queue.inputs import (
    TrainInputs,
    evaluate_inputs,
    find_inputs,
    probe_inputs,
    row_of,
    stored_value_bytes,
    trace_inputs,
    train_inputs,
    width_at,
)
from mistudio.studio.queue.requests import (
    DatasetAdd,
    DatasetTokenize,
    Demo,
    Evaluate,
    Finalize,
    Find,
    ModelAdd,
    Probe,
    Request,
    Trace,
    Train,
)
from mistudio.training import estimate as trainings
from mistudio.training.config import TrainConfig

_EARLIER = 30
"""Runs whose speed is looked at."""


async def estimate(session: Session, request: Request, device: str = "cpu") -> Estimate:
    """What a job of this request would need.

    Args:
        device: where it would run: `cpu`, or the name of a GPU.

    Raises:
        NotFound, BadInput, HookMissing, EmptyCorpus: the request cannot work.
    """
    if isinstance(request, Train):
        return await _training(session, await train_inputs(session, request), device)
    if isinstance(request, Finalize):
        return await _finalizing(session, request)
    if isinstance(request, Trace):
        return await _recording(session, request, device)
    if isinstance(request, Evaluate):
        return await _evaluation(session, request, device)
    if isinstance(request, Probe):
        return await _probing(session, request, device)
    if isinstance(request, Find):
        return await _features(session, request, device)
    if isinstance(request, Demo):
        return await _demo(session, request, device)
    if isinstance(request, DatasetAdd):
        return await asyncio.to_thread(corpora.of_sources, request.config)
    if isinstance(request, DatasetTokenize):
        return await _tokenization(session, request)
    if isinstance(request, ModelAdd):
        return await asyncio.to_thread(language_models.of_model, request.config, device=device)
    return Estimate(seconds=0.0, seconds_basis="deleting needs next to nothing")


async def _tokenization(session: Session, request: DatasetTokenize) -> Estimate:
    dataset: Dataset = await row_of(session, "dataset", request.dataset_id)
    model: Model = await row_of(session, "model", request.model_id)
    earlier: list[Tokenization]
    earlier, _ = await artifacts.page(session, "tokenization", where={"model_id": model.id}, limit=_EARLIER)
    texts = await artifacts.by_ids(session, "dataset", _ids(row.dataset_id for row in earlier))
    ratios = [
        texts[row.dataset_id].characters / tokens
        for row in earlier
        if row.dataset_id in texts
        and not row.manifest["config"].get("truncate")
        and (tokens := row.manifest["metrics"].get("text_tokens"))
    ]
    return corpora.of_tokens(
        request.config,
        characters=dataset.characters,
        documents=dataset.documents,
        vocab_size=model.vocab_size,
        characters_a_token=min(ratios, default=None),
    )


async def _training(session: Session, inputs: TrainInputs, device: str) -> Estimate:
    activations = trainings.Activations(
        d_in=inputs.d_in,
        tokens=inputs.tokens,
        value_bytes=inputs.value_bytes,
        block_tokens=_block_tokens(inputs),
        model=_live_model(inputs, device),
    )
    live = inputs.model is not None
    reached, model_reached = await _trainings_reached(session, live=live), list[Reached]()
    if live and not reached:
        # No run on a model yet: a recording, and a run on it, do the same together.
        reached, model_reached = await _trainings_reached(session, live=False), await _recordings_reached(session)
    return trainings.estimate(
        inputs.request.config,
        activations,
        device=device,
        half_precision=device != "cpu" or processor_has_bfloat16(),
        reached=reached,
        model_reached=model_reached,
    )


async def _finalizing(session: Session, request: Finalize) -> Estimate:
    training = await get_training(session, request.training_id)
    if training is None:
        raise NotFound(f"There is no training {request.training_id!r}.", remedy="List the trainings.")
    width = TrainConfig.model_validate(training.request["config"]).sae.width(training.d_in)
    weights = 8 * training.d_in * width
    return Estimate(
        memory=(
            Part("The checkpoint", 6 * weights, "encoder, decoder and Adam's two moments of each, read and put in"),
        ),
        disk=(Part("The SAE", weights, "encoder and decoder, as float32"),),
    )


async def _recording(session: Session, request: Trace, device: str) -> Estimate:
    found, config = await trace_inputs(session, request), request.config
    layer = max(HookPoint.parse(hook).layer for hook in config.hooks)
    batch = config.batch_contexts * found.tokenization.context_length
    model = running_model(found.model, layer, batch, device)
    widths = {hook: width_at(found.model, hook) for hook in config.hooks}
    tokens = tokens_in(found.tokenization, config.split)
    return recordings.estimate(config, model, widths, tokens, device=device, reached=await _recordings_reached(session))


async def _evaluation(session: Session, request: Evaluate, device: str) -> Estimate:
    found = await evaluate_inputs(session, request)
    sae, length = found.sae, found.tokenization.context_length
    batch = request.config.batch_contexts * length
    evaluated = evaluations.EvaluatedSae(
        d_in=sae.d_in,
        d_sae=sae.d_sae,
        tokens=tokens_in(found.tokenization, request.config.split),
        context_length=length,
        vocab_size=found.model.vocab_size,
        model=running_model(found.model, HookPoint.parse(sae.hook).layer, batch, device),
    )
    reached = await _recordings_reached(session)
    return evaluations.estimate(request.config, evaluated, device=device, reached=reached)


async def _probing(session: Session, request: Probe, device: str) -> Estimate:
    found, config = await probe_inputs(session, request), request.config
    batch = config.fit.batch_contexts * config.labels.context_length
    probed = probings.ProbedSae(
        d_in=found.sae.d_in,
        d_sae=found.sae.d_sae,
        model=running_model(found.model, HookPoint.parse(found.sae.hook).layer, batch, device),
        documents=found.dataset.documents if found.dataset is not None else None,
    )
    return probings.estimate(config, probed, device=device, reached=await _recordings_reached(session))


async def _demo(session: Session, request: Demo, device: str) -> Estimate:
    recorded, trained = await _recordings_reached(session), await _trainings_reached(session, live=False)
    return demo.estimate(request.config, device=device, recorded=recorded, trained=trained)


async def _features(session: Session, request: Find, device: str) -> Estimate:
    found = await find_inputs(session, request)
    layer = HookPoint.parse(found.sae.hook).layer
    text = _encoded(found.sae, found.model, layer, runs=not found.recordings)
    recorded = sum(row.tokens for row in found.recordings)
    tokens = recorded or tokens_in(found.tokenization, "train")
    return features.estimate(
        request.config, replace(text, tokens=tokens), device=device, reached=await _features_reached(session)
    )


def _encoded(sae: Sae, model: Model, layer: int, *, runs: bool) -> features.EncodedText:
    batch_tokens = StreamConfig().batch_contexts * 256
    return features.EncodedText(
        d_in=sae.d_in,
        d_sae=sae.d_sae,
        active=sae.k or sae.l0 or 64,
        tokens=0,
        vocab_size=model.vocab_size,
        model=running_model(model, layer, batch_tokens),
        runs=runs,
    )


async def _features_reached(session: Session) -> list[Reached]:
    """How fast the newest feature sets were found."""
    rows, _ = await artifacts.page(session, "feature_set", limit=_EARLIER)
    saes = await artifacts.by_ids(session, "sae", _ids(row.sae_id for row in rows))
    models = await artifacts.by_ids(session, "model", _ids(row.model_id for row in rows))
    found = []
    for row in rows:
        speed, sae, model = (
            row.manifest["metrics"].get("tokens_per_second"),
            saes.get(row.sae_id),
            models.get(row.model_id),
        )
        if speed and sae is not None and model is not None:
            runs = row.manifest["config"]["source"].get("from") != "recording"
            text = _encoded(sae, model, HookPoint.parse(sae.hook).layer, runs=runs)
            found.append(Reached(row.name, speed, text.flop_per_token))
    return found


def running_model(model: Model, layer: int, batch_tokens: int, device: str = "cpu") -> RunningModel:
    """A model of the store as something that runs up to a layer."""
    files = Path(model.path).glob("*.safetensors")
    stored = sum(file.stat().st_size for file in files) or model.bytes
    stored_bytes = stored_value_bytes(model)
    # A processor loads what it computes fastest in; a GPU takes what is stored.
    value_bytes = stored_bytes if device != "cpu" else 2 if processor_has_bfloat16() else 4
    parameters = stored // stored_bytes
    return RunningModel(
        weights_bytes=parameters * value_bytes,
        parameters=parameters,
        d_model=model.d_model,
        n_layers=model.n_layers,
        layer=layer,
        batch_tokens=batch_tokens,
        value_bytes=value_bytes,
    )


def tokens_in(tokenization: Tokenization, split: str) -> int:
    """Tokens of the contexts of a split."""
    layout = tokenization.manifest["metrics"].get("layout", {})
    contexts = layout.get(f"contexts_{split}", tokenization.contexts)
    return int(contexts) * tokenization.context_length


def _block_tokens(inputs: TrainInputs) -> int:
    if inputs.tokenization is not None:
        return StreamConfig().batch_contexts * inputs.tokenization.context_length
    return int(inputs.recordings[0].manifest["config"]["row_group_tokens"])


def _live_model(inputs: TrainInputs, device: str) -> RunningModel | None:
    if inputs.model is None:
        return None
    return running_model(inputs.model, HookPoint.parse(inputs.hook).layer, _block_tokens(inputs), device)


async def _trainings_reached(session: Session, *, live: bool) -> list[Reached]:
    """How fast the newest trainings of that kind were."""
    rows, _ = await artifacts.page(session, "sae", limit=_EARLIER)
    models = await artifacts.by_ids(session, "model", _ids(row.model_id for row in rows))
    found = []
    for row in rows:
        speed = row.manifest["metrics"].get("tokens_per_second")
        if speed and (row.recording_id is None) == live:
            found.append(Reached(row.name, speed, trainings.flop_per_token(*_run_of(row, models.get(row.model_id)))))
    return found


def _run_of(row: Sae, model: Model | None) -> tuple[TrainConfig, trainings.Activations]:
    """The part of a finished training that decides its cost."""
    config = TrainConfig(
        sae=TopKConfig(k=row.k or 1, d_sae=row.d_sae), batch_size=row.manifest["config"].get("batch_size", 2048)
    )
    live = None
    if row.recording_id is None and model is not None:
        live = running_model(model, HookPoint.parse(row.hook).layer, 0)
    return config, trainings.Activations(d_in=row.d_in, tokens=0, value_bytes=2, model=live)


async def _recordings_reached(session: Session) -> list[Reached]:
    """How fast the newest recordings were."""
    rows: list[Recording]
    rows, _ = await artifacts.page(session, "recording", limit=_EARLIER)
    models = await artifacts.by_ids(session, "model", _ids(row.model_id for row in rows))
    found = []
    for row in rows:
        speed, model = row.manifest["metrics"].get("tokens_per_second"), models.get(row.model_id or "")
        if speed and model is not None:
            layer = max(HookPoint.parse(hook).layer for hook in row.hooks)
            found.append(Reached(row.name, speed, running_model(model, layer, 0).flop_per_token))
    return found


def _ids(given: Iterable[str | None]) -> set[str]:
    return {each for each in given if each}
