"""The result of an evaluation: every number, what it was taken over, and what was left out.

`METRICS` in `definitions.py` defines the numbers; fields have the same names. `write_evaluation` and `read_evaluation`
are the only places that know the file, which is plain JSON; `keep_evaluation` and `keep_probing` write those that the
studio lists.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mistudio.artifacts.atomic import write_json
from mistudio.config import Config
from mistudio.errors import ArtifactBroken, NotFound
from mistudio.evaluation.config import EvaluateConfig

PROBING = "probing-"
"""How the names of kept probings begin: by this they are told from evaluations."""


class DensityHistogram(Config):
    """How many latents are active how often."""

    edges_log10: tuple[float, ...]
    """Edges of the bins, log₁₀ of the share of tokens; one more than `counts`."""
    counts: tuple[int, ...]
    """Latents in each bin."""
    never: int
    """Latents that were active on no token; they are in no bin."""


class DecoderCosines(Config):
    """How close to its nearest other latent each latent lies."""

    levels: tuple[float, ...]
    """Shares of latents."""
    values: tuple[float, ...]
    """The largest cosine to another latent that this share of latents does not exceed."""
    latents: int
    """Latents that were asked about, each against all others."""

    @property
    def median(self) -> float:
        """The value at 0.5."""
        return self.values[self.levels.index(0.5)]


class Exclusion(Config):
    """Tokens that no number is taken over. In splices and ablations they keep their own activation."""

    rule: dict[str, Any]
    """The token filter: special ids, largest norm, and how that norm was found."""
    special: int
    """BOS, separators and other special tokens among the tokens read."""
    massive: int
    """Other tokens whose activation norm is above the filter's largest norm."""
    kept_in_splice: int = 0
    """Tokens of the spliced contexts, special and massive, that kept their own activation."""


class Evaluation(Config):
    """What an SAE is worth on a body of text. The numbers are defined in `METRICS` under the same names."""

    model: dict[str, Any]
    """Identity of the language model."""
    sae: dict[str, Any]
    """Identity of the SAE: hook point, shape and whatever it says of itself."""
    text: dict[str, Any]
    """Identity of the tokens artifact."""
    config: EvaluateConfig
    tokens: int
    """Tokens evaluated: those read less those excluded."""
    tokens_read: int
    predictions: int
    """Next-token predictions that the cross-entropies and KL are means over; 0 where they were left out."""
    excluded: Exclusion

    fvu: float
    cosine: float
    norm_ratio: float
    l0: float
    dead_share: float
    density_histogram: DensityHistogram
    ce_model: float | None = None
    ce_spliced: float | None = None
    ce_zero: float | None = None
    ce_mean: float | None = None
    ce_increase: float | None = None
    loss_recovered_zero: float | None = None
    loss_recovered_mean: float | None = None
    kl: float | None = None
    decoder_cosine: float | None = None
    decoder_cosine_quantiles: DecoderCosines | None = None
    against: dict[str, Any] | None = None
    """Identity of the SAE that it is compared with, where one was given."""
    stability_cosine: float | None = None
    stability_mcc: float | None = None

    def numbers(self) -> dict[str, float]:
        """The single numbers that were measured, by metric name."""
        names = (
            *("fvu", "cosine", "norm_ratio", "l0", "dead_share"),
            *("ce_model", "ce_spliced", "ce_zero", "ce_mean", "ce_increase"),
            *("loss_recovered_zero", "loss_recovered_mean", "kl"),
            *("decoder_cosine", "stability_cosine", "stability_mcc"),
        )
        values = {name: getattr(self, name) for name in names}
        return {name: value for name, value in values.items() if value is not None}


def write_evaluation(evaluation: Evaluation, path: Path) -> None:
    """Write an evaluation as JSON, atomically; an older file is replaced.

    Raises:
        DiskFull: the disk had no room.
    """
    write_json(path, evaluation.model_dump(mode="json"))


def keep_evaluation(
    result: Mapping[str, Any],
    home: Path,
    sae_id: str,
    tokenization_id: str,
    name: str,
    *,
    against_id: str | None = None,
) -> Path:
    """Write a result down where the studio finds it: beside the store, with the SAE and the text that it is of.

    Args:
        against_id: the SAE that it was compared with.

    Returns:
        The file; an older one of that name is replaced.

    Raises:
        DiskFull: the disk had no room.
    """
    made_of = {"sae_id": sae_id, "tokenization_id": tokenization_id, "against_id": against_id}
    return _keep(made_of, result, home, name)


def keep_probing(result: Mapping[str, Any], home: Path, sae_id: str, dataset_id: str | None, name: str) -> Path:
    """Write what probing found where the studio finds it: beside the evaluations.

    Args:
        dataset_id: the labelled documents; None of a probing of spelling.
        name: of the file; it begins with `PROBING`.

    Returns:
        The file; an older one of that name is replaced.

    Raises:
        DiskFull: the disk had no room.
    """
    return _keep({"sae_id": sae_id, "dataset_id": dataset_id}, result, home, name)


def _keep(made_of: Mapping[str, str | None], result: Mapping[str, Any], home: Path, name: str) -> Path:
    path = home / "studio" / "evaluations" / f"{name}.json"
    path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.mkdir(exist_ok=True)
    created_at = datetime.now(UTC).isoformat(timespec="seconds")
    write_json(path, {**made_of, "created_at": created_at, "result": dict(result)})
    return path


def read_evaluation(path: Path) -> Evaluation:
    """Read what `write_evaluation` wrote.

    Raises:
        NotFound: there is no such file.
        ArtifactBroken: it is not an evaluation.
    """
    if not path.is_file():
        raise NotFound(f"There is no evaluation at {path}.", remedy="Make one with `mistudio eval SAE`.")
    try:
        return Evaluation.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (ValidationError, ValueError) as error:
        raise ArtifactBroken(f"{path} is not an evaluation: {str(error).splitlines()[0]}.") from error
