"""From an open features artifact, and rows, to what the API answers. All of it blocks; texts are decoded here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mistudio.errors import BadInput
from mistudio.features.config import ContextConfig
from mistudio.features.definitions import FEATURE_METRICS
from mistudio.steering.strengths import suggest
from mistudio.studio.db.artifacts import FeatureSet
from mistudio.studio.db.features import SEPARATOR, Feature
from mistudio.studio.db.session import Session
from mistudio.studio.engine.messages import TextActivations
from mistudio.studio.http.features import (
    Examples,
    FeatureOut,
    FeatureSetOut,
    Histogram,
    LogitLensOut,
    Passage,
    PassageGroup,
    SuggestedSteering,
    TokenLogit,
    TriedText,
    TriedToken,
    Width,
)
from mistudio.studio.http.measured import Measured, measured
from mistudio.studio.http.references import References

if TYPE_CHECKING:
    from mistudio.features.contexts import Context, ContextGroup
    from mistudio.features.pages import Features
    from mistudio.features.statistics import LatentStatistics
    from mistudio.features.token_logits import TokenLogit as FoundLogit

WIDTHS = [
    Width(name="stacked", title="Stacked", reach=5),
    Width(name="snippet", title="Snippet", reach=16),
    Width(name="full", title="Full", reach=None),
]
_SHOWN = ContextConfig(whole=True)
_BINS = 48


async def sets_out(session: Session, rows: Sequence[FeatureSet]) -> list[FeatureSetOut]:
    """Rows as answers."""
    names = await References.read(
        session,
        {
            "sae": [row.sae_id for row in rows],
            "model": [row.model_id for row in rows],
            "tokenization": [row.tokenization_id for row in rows],
        },
    )
    return [
        FeatureSetOut(
            **{name: getattr(row, name) for name in _SAME},
            sae=names("sae", row.sae_id),
            model=names("model", row.model_id),
            tokenization=names("tokenization", row.tokenization_id),
        )
        for row in rows
    ]


_SAME = ("id", "name", "bytes", "hook", "tokens", "latents", "alive", "loaded", "created_at", "job_id")


def feature_out(row: Feature, tokens: int) -> FeatureOut:
    """A row as an answer; `tokens` were encoded."""
    return FeatureOut(
        **{name: getattr(row, name) for name in ("latent", "label", "notes", "starred", "count", "documents")},
        score=None if row.score is None else _short(row.score),
        density=row.count / max(1, tokens),
        max=_short(row.max),
        mean=_short(row.mean),
        interest=_short(row.interest),
        top_tokens=row.top_tokens.split(SEPARATOR) if row.top_tokens else [],
        updated_at=row.updated_at,
    )


def log_density(features: Features) -> tuple[Histogram, float]:
    """The spread of log10 density over the living latents, and the largest activation of any latent."""
    import numpy as np

    table = features.rows.table(["density", "max"])
    density = table["density"].to_numpy()
    counts, edges = np.histogram(np.log10(density[density > 0]), _BINS)
    return Histogram(edges=_short_all(edges), counts=counts.tolist()), _short(float(table["max"].to_numpy().max()))


def numbers(features: Features, latent: int) -> tuple[list[Measured], Histogram]:
    """A latent's statistics with their definitions, and the histogram of its activations."""
    found = features.rows.row(latent)
    histogram = features.latents.histogram(latent, found.max)
    return (
        measured(_values(found), FEATURE_METRICS),
        Histogram(edges=_short_all(histogram.edges), counts=histogram.counts.tolist()),
    )


def _values(found: LatentStatistics) -> dict[str, float | None]:
    alive = not found.is_dead
    return {
        "density": found.density,
        "log_density": math.log10(found.density) if alive else None,
        "count": found.count,
        "max": _short(found.max) if alive else None,
        "mean": _short(found.mean) if alive else None,
        "documents": found.documents if alive else None,
        "top_token_share": _short(found.top_token_shares[0]) if alive else None,
    }


def logit_lens(features: Features, latent: int) -> LogitLensOut:
    """Tokens that the latent promotes and suppresses."""

    def texts(found: Sequence[FoundLogit]) -> list[TokenLogit]:
        return [TokenLogit(text=features.pieces([each.token_id])[0], logit=_short(each.logit)) for each in found]

    lens, statement = features.lens, features.artifact.manifest.config.get("logit_lens")
    if lens is None:
        return LogitLensOut(promoted=[], suppressed=[], statement=statement)
    return LogitLensOut(
        promoted=texts(lens.promoted_by(latent)), suppressed=texts(lens.suppressed_by(latent)), statement=statement
    )


def suggested(largest: float, manifest: dict[str, Any]) -> SuggestedSteering:
    """A strength to begin with."""
    try:
        found = suggest(largest, (manifest["config"].get("filter") or {}).get("median_norm"))
    except BadInput as error:  # A dead latent.
        return SuggestedSteering(strength=None, max_activation=0.0, reason=error.message)
    return SuggestedSteering(strength=_short(found.moderate), max_activation=_short(largest), reason=found.reason)


def examples(features: Features, latent: int) -> Examples:
    """Passages in which the latent is active, at their full width."""
    groups = features.contexts(latent, _SHOWN)
    peaks = groups[0].passages if groups else 0
    return Examples(
        latent=latent,
        max=_short(features.rows.row(latent).max),
        widths=WIDTHS,
        groups=[_group(features, group, peaks) for group in groups],
    )


def _group(features: Features, group: ContextGroup, peaks: int) -> PassageGroup:
    low, high, share = _short(group.low), _short(group.high), min(1.0, group.passages / max(1, peaks))
    interval = f"{group.name.capitalize()}: {low:.3g} to {high:.3g}"
    return PassageGroup(
        name=group.name,
        title="Top activations" if group.name == "top" else interval,
        low=low,
        high=high,
        passages=group.passages,
        share=_short(share),
        contexts=[_passage(features, context) for context in group.contexts],
    )


def _passage(features: Features, context: Context) -> Passage:
    # Made without being checked: lists of thousands, and all of ours.
    return Passage.model_construct(
        document=context.document_name,
        document_number=context.document,
        position=context.position,
        tokens=features.pieces(context.token_ids),
        activations=_short_all(context.activations),
        peak=context.peak,
        excluded=[place for place, encoded in enumerate(context.encoded) if not encoded],
    )


def tried(latent: int, text: str, found: TextActivations, max_activation: float) -> TriedText:
    """A text as one latent sees it, without the BOS that was put before it."""
    tokens = found.tokens
    if tokens and tokens[0].excluded == "special" and not text.startswith(tokens[0].text):
        tokens = tokens[1:]
    shown = [
        TriedToken(text=each.text, activation=_short(each.values[0]) if each.values else None, excluded=each.excluded)
        for each in tokens
    ]
    return TriedText(
        latent=latent,
        tokens=shown,
        max=max((each.activation or 0.0 for each in shown), default=0.0),
        max_activation=_short(max_activation),
    )


def _short(value: float) -> float:
    """As many digits as float32 has."""
    return float(f"{value:.6g}")


def _short_all(values: Any) -> list[float]:
    # Most activations of a passage are 0.
    return [_short(value) if value else 0.0 for value in values]
