"""The steps of the road: data sets, models, recordings, trainings, SAEs and their features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from mistudio.activations.config import TraceConfig
from mistudio.client.answers import (
    Dataset,
    Document,
    Evaluation,
    Feature,
    FeatureSet,
    Model,
    Recording,
    Sae,
    Tokenization,
    Training,
)
from mistudio.client.jobs import Pending
from mistudio.client.listing import Pages
from mistudio.client.things import Reference, Things, id_of, ids_of, job_of, sendable
from mistudio.corpora.config import CorpusConfig, TokenizeConfig
from mistudio.evaluation.config import EvaluateConfig
from mistudio.features.config import FindConfig
from mistudio.language_models.config import ModelConfig
from mistudio.training.config import TrainConfig


class Datasets(Things[Dataset]):
    """Text that was brought in."""

    def add(self, config: CorpusConfig | str, name: str | None = None) -> Pending[Dataset]:
        """Bring text in: a folder or file that the studio may read, or a data set of the Hub."""
        if isinstance(config, str):
            config = CorpusConfig(sources=(config,))
        return self._make(self._path, {"config": config, "name": name})

    def tokenize(
        self, dataset: Reference, model: Reference, config: TokenizeConfig | None = None, name: str | None = None
    ) -> Pending[Tokenization]:
        """Tokenize a data set for a model."""
        body = sendable({"model_id": id_of(model), "config": config, "name": name})
        answer = self._transport.post(f"{self._path}/{id_of(dataset)}/tokenizations", body)
        tokenizations = Things(self._transport, self._jobs, "/tokenizations", Tokenization)
        return Pending(job_of(answer), self._jobs, tokenizations.get)

    def samples(self, dataset: Reference, *, search: str | None = None) -> Pages[Document]:
        """Its documents, or those in which a text occurs."""
        return Pages(self._transport, f"{self._path}/{id_of(dataset)}/samples", Document, {"search": search})

    def statistics(self, dataset: Reference) -> dict[str, Any]:
        """Lengths and characters of its documents."""
        found: dict[str, Any] = self._transport.get(f"{self._path}/{id_of(dataset)}/statistics")["data"]
        return found


class Models(Things[Model]):
    """Language models."""

    def add(self, config: ModelConfig | str, name: str | None = None) -> Pending[Model]:
        """Fetch a model: a directory or .gguf file that the studio may read, or a model of the Hub."""
        if isinstance(config, str):
            config = ModelConfig(source=config)
        return self._make(self._path, {"config": config, "name": name})


class Recordings(Things[Recording]):
    """Activations on disk."""

    def add(
        self, model: Reference, tokenization: Reference, config: TraceConfig, name: str | None = None
    ) -> Pending[Recording]:
        """Record what a model computes on a text."""
        body = {"model_id": id_of(model), "tokenization_id": id_of(tokenization), "config": config, "name": name}
        return self._make(self._path, body)


class Trainings(Things[Training]):
    """Training runs."""

    def start(
        self,
        recordings: Reference | Sequence[Reference] = (),
        config: TrainConfig | None = None,
        *,
        model: Reference | None = None,
        tokenization: Reference | None = None,
        hook: str | None = None,
        name: str | None = None,
    ) -> Training:
        """Train an SAE on recordings, or on a model that runs along."""
        return self._training("POST", "", {
            "recording_ids": ids_of(recordings) or None,
            "model_id": None if model is None else id_of(model),
            "tokenization_id": None if tokenization is None else id_of(tokenization),
            "hook": hook,
            "config": config,
            "name": name,
        })  # fmt: skip

    def wait(self, training: Reference, timeout: float | None = None, on_progress: Any = None) -> Sae:
        """The SAE that a training made; raises what `Jobs.wait` raises."""
        job = self.get(training).job
        if job is not None:
            self._jobs.wait(job, timeout, on_progress)
        sae = self.get(training).sae
        assert sae is not None, "a training that is over has an SAE"
        return Things(self._transport, self._jobs, "/saes", Sae).get(sae)

    def metrics(
        self, training: Reference, *, points: int = 1000, start_step: int | None = None, end_step: int | None = None
    ) -> dict[str, Any]:
        """Its curves, thinned out to so many points."""
        query = {"points": points, "start_step": start_step, "end_step": end_step}
        found: dict[str, Any] = self._transport.get(f"{self._path}/{id_of(training)}/metrics", **query)["data"]
        return found

    def pause(self, training: Reference) -> Training:
        """Let it save a checkpoint and wait."""
        return self._training("POST", f"/{id_of(training)}/pause")

    def resume(self, training: Reference) -> Training:
        """Let a paused one go on."""
        return self._training("POST", f"/{id_of(training)}/resume")

    def stop(self, training: Reference) -> Training:
        """Give it up; its last checkpoint stays, so that it can be retried."""
        return self._training("POST", f"/{id_of(training)}/stop")

    def retry(self, training: Reference) -> Training:
        """Go on from the last checkpoint of one that failed or was stopped."""
        return self._training("POST", f"/{id_of(training)}/retry")

    def _training(self, method: str, path: str, body: dict[str, Any] | None = None) -> Training:
        sent = None if body is None else sendable(body)
        return Training.model_validate(self._transport.request(method, self._path + path, body=sent)["data"])


class Saes(Things[Sae]):
    """Sparse autoencoders."""

    def evaluate(
        self,
        sae: Reference,
        config: EvaluateConfig | None = None,
        *,
        model: Reference | None = None,
        tokenization: Reference | None = None,
    ) -> Pending[Evaluation]:
        """Measure an SAE; on its own model and text where no others are given."""
        body = sendable(
            {
                "model_id": None if model is None else id_of(model),
                "tokenization_id": None if tokenization is None else id_of(tokenization),
                "config": config,
            }
        )
        answer = self._transport.post(f"{self._path}/{id_of(sae)}/evaluations", body)

        def find(evaluation_id: str) -> Evaluation:
            return next(each for each in self.evaluations(sae) if each.id == evaluation_id)

        return Pending(job_of(answer), self._jobs, find)

    def evaluations(self, sae: Reference) -> list[Evaluation]:
        """What was measured, newest first."""
        answer = self._transport.get(f"{self._path}/{id_of(sae)}/evaluations")
        return TypeAdapter(list[Evaluation]).validate_python(answer["data"])


class FeatureSets(Things[FeatureSet]):
    """What activates the latents of SAEs."""

    def find(
        self,
        sae: Reference,
        model: Reference,
        tokenization: Reference,
        recordings: Reference | Sequence[Reference] = (),
        config: FindConfig | None = None,
        name: str | None = None,
    ) -> Pending[FeatureSet]:
        """Find what activates every latent of an SAE; recordings of the text spare running the model."""
        body = {
            "sae_id": id_of(sae),
            "model_id": id_of(model),
            "tokenization_id": id_of(tokenization),
            "recording_ids": ids_of(recordings),
            "config": config,
            "name": name,
        }
        return self._make(self._path, body)

    def features(self, feature_set: Reference, **query: Any) -> Pages[Feature]:
        """Its features.

        Args:
            query: `search`, `min_density`, `max_density`, `min_max`, `alive`, `starred`, `labelled`, `sortBy`, `order`.
        """
        return Pages(self._transport, f"{self._path}/{id_of(feature_set)}/features", Feature, query)

    def feature(self, feature_set: Reference, latent: int) -> dict[str, Any]:
        """All about one latent: statistics, histogram, promoted tokens."""
        found: dict[str, Any] = self._transport.get(self._page(feature_set, latent))["data"]
        return found

    def examples(self, feature_set: Reference, latent: int, **query: Any) -> dict[str, Any]:
        """Passages in which it is active."""
        found: dict[str, Any] = self._transport.get(self._page(feature_set, latent) + "/examples", **query)["data"]
        return found

    def annotate(
        self,
        feature_set: Reference,
        latent: int,
        *,
        label: str | None = None,
        notes: str | None = None,
        starred: bool | None = None,
    ) -> Feature:
        """Say what a latent is about; what is None stays as it is, and an empty text removes a label or notes."""
        change = sendable({"label": label, "notes": notes, "starred": starred})
        return Feature.model_validate(self._transport.patch(self._page(feature_set, latent), change)["data"])

    def test(self, feature_set: Reference, latent: int, text: str) -> dict[str, Any]:
        """How active a latent is on each token of a text of yours."""
        found: dict[str, Any] = self._transport.post(self._page(feature_set, latent) + "/test", {"text": text})["data"]
        return found

    def _page(self, feature_set: Reference, latent: int) -> str:
        return f"{self._path}/{id_of(feature_set)}/features/{latent}"
