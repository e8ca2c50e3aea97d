"""The registries say the same as the configurations."""

from __future__ import annotations

from typing import get_args

from mistudio.sae.config import TRAINABLE, TrainableName
from mistudio.sae.registry import ARCHITECTURES, TRAININGS


def test_every_architecture_goes_by_the_name_in_its_configuration() -> None:
    for name, each in (*ARCHITECTURES.items(), *TRAININGS.items()):
        field = each.config.model_fields["architecture"]
        assert name in get_args(field.annotation)
        assert field.default in (name, name.replace("skip_", ""))


def test_what_the_configuration_calls_trainable_can_be_trained() -> None:
    assert tuple(TRAININGS) == tuple(TRAINABLE) == get_args(TrainableName)
