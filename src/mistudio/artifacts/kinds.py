"""The kinds of artifact, and where the store keeps each."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What an artifact holds; the value stands in its manifest."""

    MODEL = "model"
    CORPUS = "corpus"
    TOKENS = "tokens"
    ACTIVATIONS = "activations"
    SAE = "sae"
    FEATURES = "features"
    EXPLANATIONS = "explanations"
    SCORES = "scores"
    PATCH = "patch"
    GRAPH = "graph"
    EXPORT = "export"

    @property
    def folder(self) -> str:
        """The store's folder for this kind."""
        return _FOLDERS.get(self, f"{self.value}s")


_FOLDERS = {
    Kind.CORPUS: "corpora",
    Kind.TOKENS: "tokens",
    Kind.ACTIVATIONS: "activations",
    Kind.FEATURES: "features",
    Kind.EXPLANATIONS: "explanations",
    Kind.SCORES: "scores",
    Kind.PATCH: "patches",
}
