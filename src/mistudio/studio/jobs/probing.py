"""Probe an SAE for labels of documents, or for how words are spelled."""

from __future__ import annotations

from mistudio.evaluation.probing.documents import labelled_documents
from mistudio.evaluation.probing.labels import probe_labels
from mistudio.evaluation.probing.result import LabelProbing, SpellingProbing
from mistudio.evaluation.probing.spelling import probe_spelling
from mistudio.hardware import best_device
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.loading import load_model
from mistudio.sae.native_file import load_sae
from mistudio.studio.queue.context import JobContext, Made
from mistudio.studio.queue.requests import Probe
from mistudio.studio.queue.room import make_room


def probe(request: Probe, context: JobContext) -> Made:
    """Probe, or take what an earlier attempt of this job found."""
    if (path := context.evaluation(context.probing_id)).is_file():
        return Made("probing", path)
    sae, model = context.artifact("sae", request.sae_id), context.artifact("model", request.model_id)
    config, documents = request.config, None
    if request.dataset_id is not None:
        corpus = context.artifact("dataset", request.dataset_id)
        documents = labelled_documents(corpus, config.labels, seed=config.fit.seed)
    make_room(context, request, best_device().type)
    lm, loaded = load_model(ModelConfig(source=str(model)), progress=context.progress), load_sae(sae)
    result: LabelProbing | SpellingProbing
    if documents is not None:
        result = probe_labels(loaded, lm, documents, config.labels, config.fit, progress=context.progress)
    else:
        result = probe_spelling(loaded, lm, config.spelling, config.fit, progress=context.progress)
    return context.write_probing(request.sae_id, request.dataset_id, result.model_dump(mode="json"))
