"""Make an SAE from a checkpoint of a training; the training is not disturbed, and can go on."""

from __future__ import annotations

from mistudio.artifacts.kinds import Kind
from mistudio.errors import NotFound
from mistudio.hardware import best_device
from mistudio.studio.db import trainings
from mistudio.studio.queue.context import JobContext, Made
from mistudio.studio.queue.requests import Finalize
from mistudio.studio.queue.room import make_room
from mistudio.training.finalize import finalize as finalize_run


def finalize(request: Finalize, context: JobContext) -> Made:
    """Make the SAE that the training would have saved at that step."""
    assert request.name is not None
    training = context.portal.run(lambda session: trainings.get(session, request.training_id))
    if training is None:
        raise NotFound("The training of this checkpoint was deleted.", remedy="Choose another training.")
    run = context.store.path(Kind.SAE, training.name)
    make_room(context, request, best_device().type)
    return context.make("sae", request.name, lambda out: finalize_run(run, out, step=request.step, best=request.best))
