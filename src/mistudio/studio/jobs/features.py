"""Find what activates every latent of an SAE, and bring the numbers into the database."""

from __future__ import annotations

import logging
from pathlib import Path

from mistudio.activations.outliers import TokenFilter
from mistudio.activations.stream import ActivationSource, ModelSource, RecordedSource
from mistudio.artifacts.manifest import MANIFEST, Artifact, open_artifact
from mistudio.corpora.boundaries import vocabulary, vocabulary_sha256
from mistudio.corpora.tokens import Tokens
from mistudio.errors import BadInput
from mistudio.features.find import find as run_find
from mistudio.hardware import best_device
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.loading import LanguageModel, load_model
from mistudio.sae.native_file import load_sae
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.studio.db import features_load, indexing
from mistudio.studio.db.session import Session
from mistudio.studio.queue.context import JobContext, Made
from mistudio.studio.queue.requests import Find
from mistudio.studio.queue.room import make_room

_LOADING_SECONDS = 3600.0
log = logging.getLogger("job")


def find(request: Find, context: JobContext) -> Made:
    """Make a feature set; an earlier attempt is gone on from at its last run."""
    assert request.name is not None
    sae_path, model = context.artifact("sae", request.sae_id), context.artifact("model", request.model_id)
    tokens = Tokens.open(context.artifact("tokenization", request.tokenization_id))

    def work(path: Path) -> Artifact:
        make_room(context, request, best_device().type)
        lm = load_model(ModelConfig(source=str(model)), progress=context.progress)
        sae = load_sae(sae_path, device=lm.device)
        _check(sae, lm, tokens)
        sealed = open_artifact(sae_path) if (sae_path / MANIFEST).is_file() else None
        source = _source(request, context, sae, lm, tokens)
        return run_find(sae, source, tokens, lm, path, request.config, sae_artifact=sealed, progress=context.progress)

    made = context.make("feature_set", request.name, work)
    context.progress.advance("load the table", 0, None)
    # In a transaction of its own: of a million features it takes long, and whoever indexes waits for an index.
    row_id = context.portal.run(lambda session: _index(session, context, made))
    journals = context.settings.annotations_dir
    context.portal.run(lambda session: features_load.load(session, row_id, journals), timeout=_LOADING_SECONDS)
    return made


def _source(
    request: Find, context: JobContext, sae: SparseAutoencoder, lm: LanguageModel, tokens: Tokens
) -> ActivationSource:
    """Recordings, or the model that runs along and leaves out what the SAE was not trained on."""
    if request.recording_ids:
        return RecordedSource([context.artifact("recording", each) for each in request.recording_ids], hook=sae.hook)
    described = sae.metadata.get("token_filter")
    left_out = TokenFilter.from_description(described) if described else None
    return ModelSource(lm, tokens, sae.hook, filter=left_out, progress=context.progress)


def _check(sae: SparseAutoencoder, lm: LanguageModel, tokens: Tokens) -> None:
    if vocabulary_sha256(vocabulary(lm.tokenizer)) != tokens.layout.tokenizer_sha256:
        raise BadInput(
            f"{tokens.artifact.path.name} was tokenized with another tokenizer than that of {lm.name}.",
            remedy="Tokenize the data set for this model, and choose that tokenization.",
        )
    if sae.model_name and sae.model_name != lm.name:
        log.warning("This SAE says that it was trained on %s, and the model here is %s.", sae.model_name, lm.name)


async def _index(session: Session, context: JobContext, made: Made) -> str:
    return await indexing.index_artifact(session, made.entity, open_artifact(made.path), job_id=context.job_id)
