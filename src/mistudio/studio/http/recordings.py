"""Recordings as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from mistudio.studio.db import artifacts
from mistudio.studio.db.artifacts import Recording
from mistudio.studio.db.session import Session
from mistudio.studio.http.references import Ref, References
from mistudio.studio.http.schemas import ApiModel


class RecordedHook(ApiModel):
    """What was recorded at one hook point."""

    hook: str
    d: int
    """Width of the activations."""
    dtype: str
    """Number format on disk."""
    tokens: int
    """Tokens that were kept."""
    excluded_special: int
    """BOS, padding and other special tokens, left out."""
    excluded_massive: int
    """Massive-activation tokens, left out."""
    max_norm: float | None
    """Norm above which a token counts as massive; null where none was left out."""
    rule: str
    """What was left out, in words."""


class RecordingOut(ApiModel):
    """Activations on disk."""

    id: str
    name: str
    bytes: int
    model: Ref | None
    tokenization: Ref | None
    dataset: Ref | None
    hooks: list[RecordedHook]
    tokens: int
    """Tokens kept, at the hook point that kept most."""
    tokens_seen: int
    """Tokens that the model read."""
    seconds: float | None
    tokens_per_second: float | None
    config: dict[str, Any]
    """As it was asked for."""
    created_at: datetime
    job_id: str | None
    """The job that made it; null if the command line did."""


async def recordings_out(session: Session, rows: Sequence[Recording]) -> list[RecordingOut]:
    """Rows as answers."""
    texts = {row.tokenization_id for row in rows if row.tokenization_id}
    tokenizations = await artifacts.by_ids(session, "tokenization", texts)
    datasets = {each.id: each.dataset_id for each in tokenizations.values()}
    names = await References.read(
        session,
        {
            "model": [row.model_id for row in rows],
            "tokenization": [row.tokenization_id for row in rows],
            "dataset": datasets.values(),
        },
    )
    return [_recording_out(row, datasets, names) for row in rows]


def _recording_out(row: Recording, datasets: dict[str, str | None], names: References) -> RecordingOut:
    metrics: dict[str, Any] = row.manifest["metrics"]
    return RecordingOut(
        id=row.id,
        name=row.name,
        bytes=row.bytes,
        model=names("model", row.model_id),
        tokenization=names("tokenization", row.tokenization_id),
        dataset=names("dataset", datasets.get(row.tokenization_id or "")),
        # In the order that was asked for: a JSONB column keeps none.
        hooks=[_hook_out(hook, metrics["hooks"][hook]) for hook in row.hooks],
        tokens=row.tokens,
        tokens_seen=metrics["tokens_seen"],
        seconds=metrics.get("seconds"),
        tokens_per_second=metrics.get("tokens_per_second"),
        config=row.manifest["config"],
        created_at=row.created_at,
        job_id=row.job_id,
    )


def _hook_out(hook: str, facts: dict[str, Any]) -> RecordedHook:
    return RecordedHook(
        hook=hook,
        d=facts["d"],
        dtype=facts["dtype"],
        tokens=facts["tokens"],
        excluded_special=facts["excluded_special"],
        excluded_massive=facts["excluded_massive"],
        max_norm=facts["filter"].get("max_norm"),
        rule=facts["filter"]["rule"],
    )
