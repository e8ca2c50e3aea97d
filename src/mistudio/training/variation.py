"""What differs between the members of a sweep, and what each of them is therefore called. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mistudio.errors import BadInput
from mistudio.training.config import TrainConfig

_SHORT = {"architecture": "", "k": "k", "expansion": "x", "d_sae": "m", "lr": "lr", "seed": "seed", "hook": ""}
_SHARED = ("batch_size", "buffer_tokens", "order_seed")


class Planned(NamedTuple):
    """A member of a sweep before it is trained."""

    name: str
    """Short, and good as a file's name: `batchtopk-k32`."""
    hook: str
    config: TrainConfig
    differs: Mapping[str, Any]
    """The options in which members differ, as this one has them."""


def options_of(config: TrainConfig) -> dict[str, Any]:
    """The options of a run by name, those of its architecture and of other nested configurations among them."""
    return dict(_flat(config.model_dump(mode="json", exclude={"data_seed"})))


def _flat(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        if isinstance(value, dict):
            yield from _flat(value)
        else:
            yield name, value


def plan(configs: Sequence[TrainConfig], widths: Mapping[str, int]) -> list[Planned]:
    """Every run at every hook point.

    Args:
        configs: the runs.
        widths: of the hook points.

    Raises:
        BadInput: there is no run, two are the same, or they cannot share batches.
    """
    if not configs:
        raise BadInput("There is nothing to train: no run is given.", remedy="Give one configuration or more.")
    _check_shared(configs)
    pairs = [(hook, config, options_of(config)) for hook in widths for config in configs]
    differing = _differing([{"hook": hook} | options for hook, _, options in pairs])
    planned: dict[str, Planned] = {}
    for hook, config, options in pairs:
        options |= {"hook": hook}
        differs = {name: options[name] for name in differing if name in options}
        one = Planned(_label(differs) or f"{config.sae.architecture}-{config.sae.label}", hook, config, differs)
        if one.name in planned or any(_same(one, other, widths[hook]) for other in planned.values()):
            raise BadInput(
                f"Two members of the sweep are the same run: {one.name}.",
                remedy="Give each value of an option once; --d-sae stands above --expansion.",
            )
        planned[one.name] = one
    return list(planned.values())


def in_one_order(configs: Sequence[TrainConfig]) -> list[TrainConfig]:
    """The runs with the order of the data that the first one has, so that they can share batches."""
    seed = configs[0].order_seed
    return [one if one.order_seed == seed else one.model_copy(update={"data_seed": seed}) for one in configs]


def _check_shared(configs: Sequence[TrainConfig]) -> None:
    for name in _SHARED:
        values = list(dict.fromkeys(getattr(config, name) for config in configs))
        if len(values) > 1:
            option = {"order_seed": "data_seed"}.get(name, name)
            raise BadInput(
                f"The members of a sweep learn from the same batches, and {option} is {values[0]} here and "
                f"{values[1]} there.",
                remedy=f"Give {option} one value, or train those members in a sweep of their own.",
            )


def _differing(every: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of options with more than one value among the runs that have them."""
    names = dict.fromkeys(name for options in every for name in options)
    return [name for name in names if len({repr(options[name]) for options in every if name in options}) > 1]


def _label(differs: Mapping[str, Any]) -> str:
    pieces = [f"{_SHORT.get(name, name.replace('_', '-'))}{_shown(value)}" for name, value in differs.items()]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join(pieces)).strip("-._")


def _shown(value: Any) -> str:
    return "auto" if value is None else format(value, "g") if isinstance(value, float) else str(value)


def _same(one: Planned, other: Planned, d_in: int) -> bool:
    """Whether two runs come to the same, such as by two ways to give a width."""

    def made(planned: Planned) -> dict[str, Any]:
        width = {"expansion": None, "d_sae": planned.config.sae.width(d_in)}
        return options_of(planned.config) | width

    return one.hook == other.hook and made(one) == made(other)
