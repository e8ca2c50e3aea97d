"""Bring text in, and tokenize it."""

from __future__ import annotations

from mistudio.corpora.corpus import add_corpus
from mistudio.studio.queue.context import JobContext, Made
from mistudio.studio.queue.requests import DatasetAdd, DatasetTokenize


def add(request: DatasetAdd, context: JobContext) -> Made:
    """Make a data set."""
    assert request.name is not None
    return context.make(
        "dataset", request.name, lambda path: add_corpus(request.config, path, progress=context.progress)
    )


def tokenize(request: DatasetTokenize, context: JobContext) -> Made:
    """Make a tokenization."""
    # Imported here: the tokenizers bring torch with them, and bringing text in takes less time than that.
    from mistudio.corpora.tokenize import tokenize as run_tokenize

    assert request.name is not None
    corpus, model = context.artifact("dataset", request.dataset_id), context.artifact("model", request.model_id)
    return context.make(
        "tokenization",
        request.name,
        lambda path: run_tokenize(corpus, str(model), request.config, path, progress=context.progress),
    )
