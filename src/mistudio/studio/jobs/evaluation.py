"""Measure an SAE on text that it was not trained on."""

from __future__ import annotations

from mistudio.corpora.tokens import Tokens
from mistudio.evaluation.evaluate import evaluate as run_evaluate
from mistudio.hardware import best_device
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.loading import load_model
from mistudio.sae.native_file import load_sae
from mistudio.studio.queue.context import JobContext, Made
from mistudio.studio.queue.requests import Evaluate
from mistudio.studio.queue.room import make_room


def evaluate(request: Evaluate, context: JobContext) -> Made:
    """Make an evaluation, or take the one that an earlier attempt of this job finished."""
    evaluation_id = context.job_id.replace("job-", "evaluation-", 1)
    if context.evaluation(evaluation_id).is_file():
        return Made("evaluation", context.evaluation(evaluation_id))
    sae, model = context.artifact("sae", request.sae_id), context.artifact("model", request.model_id)
    tokens = Tokens.open(context.artifact("tokenization", request.tokenization_id))
    make_room(context, request, best_device().type)
    lm = load_model(ModelConfig(source=str(model)), progress=context.progress)
    against = load_sae(context.artifact("sae", request.against_id)) if request.against_id is not None else None
    result = run_evaluate(load_sae(sae), lm, tokens, request.config, against=against, progress=context.progress)
    return context.write_evaluation(
        evaluation_id, request.sae_id, request.tokenization_id, result.model_dump(mode="json"), request.against_id
    )
