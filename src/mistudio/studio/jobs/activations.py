"""Record activations."""

from __future__ import annotations

from pathlib import Path

from mistudio.activations.record import trace as run_trace
from mistudio.artifacts.manifest import Artifact
from mistudio.corpora.tokens import Tokens
from mistudio.hardware import best_device
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.loading import load_model
from mistudio.studio.queue.context import JobContext, Made
from mistudio.studio.queue.requests import Trace
from mistudio.studio.queue.room import make_room


def trace(request: Trace, context: JobContext) -> Made:
    """Make a recording."""
    assert request.name is not None
    model = context.artifact("model", request.model_id)
    tokens = context.artifact("tokenization", request.tokenization_id)

    def work(path: Path) -> Artifact:
        make_room(context, request, best_device().type)
        lm = load_model(ModelConfig(source=str(model)), progress=context.progress)
        return run_trace(lm, Tokens.open(tokens), request.config, path, progress=context.progress)

    return context.make("recording", request.name, work)
