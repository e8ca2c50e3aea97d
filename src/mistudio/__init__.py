"""miStudio: read, test, watch and steer the insides of a language model.

Each name is loaded when it is first used, so that `import mistudio` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mistudio.activations.config import TraceConfig as TraceConfig
    from mistudio.activations.record import trace as trace
    from mistudio.activations.stream import ModelSource as ModelSource
    from mistudio.activations.stream import RecordedSource as RecordedSource
    from mistudio.client.client import Client as Client
    from mistudio.corpora.config import CorpusConfig as CorpusConfig
    from mistudio.corpora.config import TokenizeConfig as TokenizeConfig
    from mistudio.corpora.corpus import add_corpus as add_corpus
    from mistudio.corpora.tokenize import tokenize as tokenize
    from mistudio.corpora.tokens import Tokens as Tokens
    from mistudio.errors import MistudioError as MistudioError
    from mistudio.evaluation.config import EvaluateConfig as EvaluateConfig
    from mistudio.evaluation.evaluate import evaluate as evaluate
    from mistudio.evaluation.probing.config import LabelsConfig as LabelsConfig
    from mistudio.evaluation.probing.config import SpellingConfig as SpellingConfig
    from mistudio.evaluation.probing.documents import labelled_documents as labelled_documents
    from mistudio.evaluation.probing.labels import probe_labels as probe_labels
    from mistudio.evaluation.probing.spelling import probe_spelling as probe_spelling
    from mistudio.features.config import FindConfig as FindConfig
    from mistudio.features.find import find as find
    from mistudio.features.pages import Features as Features
    from mistudio.language_models.config import ModelConfig as ModelConfig
    from mistudio.language_models.describe import describe as describe
    from mistudio.language_models.loading import load_model as load_model
    from mistudio.sae.config import BatchTopKConfig as BatchTopKConfig
    from mistudio.sae.config import TopKConfig as TopKConfig
    from mistudio.sae.hub import sae_from_hub as sae_from_hub
    from mistudio.sae.native_file import load_sae as load_sae
    from mistudio.sae.sparse_autoencoder import SparseAutoencoder as SparseAutoencoder
    from mistudio.steering.config import Edit as Edit
    from mistudio.steering.config import GenerateConfig as GenerateConfig
    from mistudio.steering.config import SteeringSpec as SteeringSpec
    from mistudio.steering.steer import steer as steer
    from mistudio.training.config import TrainConfig as TrainConfig
    from mistudio.training.finalize import finalize as finalize
    from mistudio.training.loggers.follow import logged as logged
    from mistudio.training.sweep import train_several as train_several
    from mistudio.training.train import train as train

# In the order of the road.
_HOMES = {
    "MistudioError": "mistudio.errors",
    "ModelConfig": "mistudio.language_models.config",
    "load_model": "mistudio.language_models.loading",
    "describe": "mistudio.language_models.describe",
    "CorpusConfig": "mistudio.corpora.config",
    "TokenizeConfig": "mistudio.corpora.config",
    "add_corpus": "mistudio.corpora.corpus",
    "tokenize": "mistudio.corpora.tokenize",
    "Tokens": "mistudio.corpora.tokens",
    "TraceConfig": "mistudio.activations.config",
    "trace": "mistudio.activations.record",
    "ModelSource": "mistudio.activations.stream",
    "RecordedSource": "mistudio.activations.stream",
    "BatchTopKConfig": "mistudio.sae.config",
    "TopKConfig": "mistudio.sae.config",
    "SparseAutoencoder": "mistudio.sae.sparse_autoencoder",
    "load_sae": "mistudio.sae.native_file",
    "sae_from_hub": "mistudio.sae.hub",
    "TrainConfig": "mistudio.training.config",
    "train": "mistudio.training.train",
    "finalize": "mistudio.training.finalize",
    "train_several": "mistudio.training.sweep",
    "logged": "mistudio.training.loggers.follow",
    "EvaluateConfig": "mistudio.evaluation.config",
    "evaluate": "mistudio.evaluation.evaluate",
    "LabelsConfig": "mistudio.evaluation.probing.config",
    "SpellingConfig": "mistudio.evaluation.probing.config",
    "labelled_documents": "mistudio.evaluation.probing.documents",
    "probe_labels": "mistudio.evaluation.probing.labels",
    "probe_spelling": "mistudio.evaluation.probing.spelling",
    "FindConfig": "mistudio.features.config",
    "find": "mistudio.features.find",
    "Features": "mistudio.features.pages",
    "SteeringSpec": "mistudio.steering.config",
    "Edit": "mistudio.steering.config",
    "GenerateConfig": "mistudio.steering.config",
    "steer": "mistudio.steering.steer",
    "Client": "mistudio.client.client",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mistudio' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
