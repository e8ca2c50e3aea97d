"""Bring a model in."""

from __future__ import annotations

from pathlib import Path

from mistudio.artifacts.manifest import Artifact, open_artifact
from mistudio.language_models.describe import describe
from mistudio.language_models.description import ModelDescription
from mistudio.language_models.loading import load_model, save_model
from mistudio.studio.db import options
from mistudio.studio.queue import derived
from mistudio.studio.queue.context import JobContext, Made
from mistudio.studio.queue.requests import ModelAdd


def add(request: ModelAdd, context: JobContext) -> Made:
    """Fetch a model and keep it as safetensors; what it is, is written down with it."""
    assert request.name is not None
    token = context.portal.run(lambda session: options.get_secret(session, context.settings, "hf_token"))
    described: list[ModelDescription] = []

    def make(path: Path) -> Artifact:
        lm = load_model(request.config, progress=context.progress, token=token)
        context.progress.checkpoint()
        context.progress.advance("model: save", 0, None)
        described.append(describe(lm))
        return save_model(lm, path)

    made = context.make("model", request.name, make)
    for description in described:
        derived.keep(context.settings, open_artifact(made.path).manifest.id, description)
    return made
