"""SAEs and their evaluations as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from mistudio.errors import BadInput
from mistudio.evaluation.config import EvaluateConfig
from mistudio.evaluation.definitions import METRICS
from mistudio.evaluation.result import DecoderCosines, DensityHistogram
from mistudio.evaluation.result import Evaluation as Result
from mistudio.studio.db import artifacts, evaluations, trainings
from mistudio.studio.db.artifacts import Sae
from mistudio.studio.db.evaluations import Evaluation
from mistudio.studio.db.session import Session
from mistudio.studio.db.trainings import Training
from mistudio.studio.http.measured import Measured, MetricDefinition, definition_of, measured
from mistudio.studio.http.references import Ref, References
from mistudio.studio.http.schemas import ApiModel
from mistudio.training.definitions import LINE_METRICS


class EvaluationOut(ApiModel):
    """What an SAE is worth on a body of text."""

    id: str
    sae: Ref
    tokenization: Ref | None
    """The text; null where it is gone."""
    dataset: Ref | None
    model_name: str
    config: EvaluateConfig
    tokens: int
    """Tokens evaluated: those read less those left out."""
    tokens_read: int
    predictions: int
    """Next-token predictions that the cross-entropies and KL are means over; 0 where they were left out."""
    excluded_special: int
    excluded_massive: int
    rule: str
    """What was left out, in words."""
    numbers: list[Measured]
    density_histogram: DensityHistogram
    density: MetricDefinition
    """What the histogram shows."""
    decoder_cosines: DecoderCosines | None
    """How close to its nearest other latent each latent lies; null of evaluations by older versions."""
    decoder: MetricDefinition
    """What `decoder_cosines` shows."""
    against: Ref | None
    """The SAE that it was compared with; null where there was none, or it is gone."""
    created_at: datetime
    job_id: str | None


class SaeOut(ApiModel):
    """A trained sparse autoencoder."""

    id: str
    name: str
    bytes: int
    model: Ref | None
    """Null where it is gone; its name is `model_name`."""
    model_name: str
    hook: str
    """Hook point, such as `resid_post.15`."""
    architecture: str
    d_in: int
    d_sae: int
    """Latents."""
    k: int | None
    """Latents active per token, of an architecture that fixes it."""
    training: Ref | None
    recording: Ref | None
    tokenization: Ref | None
    """The text that it was trained on."""
    dataset: Ref | None
    training_numbers: list[Measured]
    """Of the last training batch."""
    feature_sets: int
    evaluations: int
    newest_evaluation: EvaluationOut | None
    created_at: datetime
    job_id: str | None
    """The job that made it; null if the command line did."""


class FeatureSetOfSae(Ref):
    """What was found with it."""

    tokens: int
    latents: int
    alive: int
    created_at: datetime


class SaeDetail(SaeOut):
    """An SAE with all that is known of it."""

    path: str
    """Its folder."""
    config: dict[str, Any]
    """The training configuration."""
    rule: str | None
    """Tokens that it was not trained on, in words; null where it does not say."""
    feature_set_list: list[FeatureSetOfSae]
    evaluation_list: list[EvaluationOut]


async def saes_out(session: Session, rows: Sequence[Sae]) -> list[SaeOut]:
    """Rows as answers."""
    made_of = await _MadeOf.read(session, rows)
    return [SaeOut(**made_of.fields(row)) for row in rows]


async def sae_detail(session: Session, row: Sae) -> SaeDetail:
    """A row with all that is known of it."""
    made_of = await _MadeOf.read(session, [row])
    sets, _ = await artifacts.page(session, "feature_set", where={"sae_id": row.id}, limit=1000)
    token_filter = row.manifest["metrics"].get("token_filter") or {}
    return SaeDetail(
        **made_of.fields(row),
        path=row.path,
        config=row.manifest["config"],
        rule=token_filter.get("rule"),
        feature_set_list=[FeatureSetOfSae.model_validate(each) for each in sets],
        evaluation_list=await evaluations_out(session, row, await evaluations.of_sae(session, row.id)),
    )


def trained_with(sae: Sae, what: Literal["model_id", "tokenization_id"]) -> str:
    """The id of the model or of the text that an SAE was trained on.

    Raises:
        BadInput: it is not here any more.
    """
    if (found := getattr(sae, what)) is None:
        missing = "the model" if what == "model_id" else "the text"
        raise BadInput(
            f"{sae.name} was trained on something that is not here any more: {missing}.", remedy=f"Name a {what}."
        )
    return str(found)


async def evaluations_out(session: Session, sae: Sae, rows: Sequence[Evaluation]) -> list[EvaluationOut]:
    """An SAE's evaluations as answers."""
    texts = await _Texts.read(session, [row.tokenization_id for row in rows], [row.against_id for row in rows])
    return [_evaluation_out(sae, row, texts) for row in rows]


def _evaluation_out(sae: Sae, row: Evaluation, texts: _Texts) -> EvaluationOut:
    result = Result.model_validate(row.result)
    return EvaluationOut(
        id=row.id,
        sae=Ref(id=sae.id, name=sae.name),
        tokenization=texts.tokenization(row.tokenization_id),
        dataset=texts.dataset(row.tokenization_id),
        model_name=str(result.model.get("name", sae.model_name)),
        config=result.config,
        tokens=result.tokens,
        tokens_read=result.tokens_read,
        predictions=result.predictions,
        excluded_special=result.excluded.special,
        excluded_massive=result.excluded.massive,
        rule=str(result.excluded.rule.get("rule", "")),
        numbers=measured(result.numbers(), METRICS),
        density_histogram=result.density_histogram,
        density=definition_of(METRICS["density_histogram"]),
        decoder_cosines=result.decoder_cosine_quantiles,
        decoder=definition_of(METRICS["decoder_cosine_quantiles"]),
        against=texts.sae(row.against_id),
        created_at=row.created_at,
        job_id=row.job_id,
    )


class _Texts:
    """The names of some tokenizations, of their data sets, and of SAEs beside them."""

    def __init__(self, datasets: dict[str, str | None], names: References) -> None:
        self._datasets, self._names = datasets, names

    @classmethod
    async def read(cls, session: Session, ids: Sequence[str | None], saes: Sequence[str | None] = ()) -> _Texts:
        """Read the names."""
        rows = await artifacts.by_ids(session, "tokenization", {each for each in ids if each})
        datasets = {row.id: row.dataset_id for row in rows.values()}
        wanted = {"tokenization": set(rows), "dataset": set(datasets.values()), "sae": set(saes)}
        return cls(datasets, await References.read(session, wanted))

    def tokenization(self, tokenization_id: str | None) -> Ref | None:
        """The tokenization."""
        return self._names("tokenization", tokenization_id)

    def sae(self, sae_id: str | None) -> Ref | None:
        """The SAE."""
        return self._names("sae", sae_id)

    def dataset(self, tokenization_id: str | None) -> Ref | None:
        """What it is a tokenization of."""
        return self._names("dataset", self._datasets.get(tokenization_id or ""))


@dataclass(frozen=True)
class _MadeOf:
    """What some SAEs are made of, and what was made of them."""

    texts: _Texts
    evaluated: _Texts
    trainings: Mapping[str, Training]
    feature_sets: Mapping[str, int]
    evaluations: Mapping[str, int]
    newest: Mapping[str, Evaluation]
    names: References

    @classmethod
    async def read(cls, session: Session, rows: Sequence[Sae]) -> _MadeOf:
        """Read all that some SAEs point to."""
        ids = [row.id for row in rows]
        newest = await evaluations.newest(session, ids)
        return cls(
            texts=await _Texts.read(session, [row.tokenization_id for row in rows]),
            evaluated=await _Texts.read(session, [each.tokenization_id for each in newest.values()]),
            trainings=await trainings.of_saes(session, ids),
            feature_sets=await artifacts.counts(session, "feature_set", "sae_id", ids),
            evaluations=await evaluations.counts(session, ids),
            newest=newest,
            names=await References.read(
                session, {"model": [row.model_id for row in rows], "recording": [row.recording_id for row in rows]}
            ),
        )

    def fields(self, row: Sae) -> dict[str, Any]:
        """The fields of an answer."""
        training, newest = self.trainings.get(row.id), self.newest.get(row.id)
        return {
            **{name: getattr(row, name) for name in _SAME},
            "model": self.names("model", row.model_id),
            "training": Ref(id=training.id, name=training.name) if training is not None else None,
            "recording": self.names("recording", row.recording_id),
            "tokenization": self.texts.tokenization(row.tokenization_id),
            "dataset": self.texts.dataset(row.tokenization_id),
            "training_numbers": measured(row.manifest["metrics"], _OF_TRAINING),
            "feature_sets": self.feature_sets.get(row.id, 0),
            "evaluations": self.evaluations.get(row.id, 0),
            "newest_evaluation": _evaluation_out(row, newest, self.evaluated) if newest is not None else None,
        }


_SAME = ("id", "name", "bytes", "model_name", "hook", "architecture", "d_in", "d_sae", "k", "created_at", "job_id")
_OF_TRAINING = {name: LINE_METRICS[name] for name in ("fvu", "l0", "dead_share")}
