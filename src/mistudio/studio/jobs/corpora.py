"""Bring text in, and tokenize it."""

from __future__ import annotations

import shutil
from pathlib import Path

from mistudio.corpora.corpus import add_corpus
from mistudio.studio.db import options
from mistudio.studio.queue.context import JobContext, Made
from mistudio.studio.queue.requests import DatasetAdd, DatasetTokenize
from mistudio.studio.settings import Settings


def add(request: DatasetAdd, context: JobContext) -> Made:
    """Make a data set without the files that cannot be read, which are named; uploads for it are removed."""
    assert request.name is not None
    config = request.config
    token = context.portal.run(lambda session: options.get_secret(session, context.settings, "hf_token"))

    def left_out(file: str, error: Exception) -> None:
        context.fail_item(Path(file).name, error)

    made = context.make(
        "dataset",
        request.name,
        lambda path: add_corpus(config, path, progress=context.progress, token=token, left_out=left_out),
    )
    for source in config.sources:
        _remove_upload(context.settings, Path(source))
    return made


def _remove_upload(settings: Settings, source: Path) -> None:
    uploads = settings.uploads_dir.resolve()
    if source.is_relative_to(uploads) and source != uploads:
        shutil.rmtree(uploads / source.relative_to(uploads).parts[0], ignore_errors=True)


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
