"""miStudio: read, test, watch and steer the insides of a language model.

Each name is loaded when it is first used, so that `import mistudio` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mistudio.evaluation.evaluate import evaluate as evaluate

_HOMES = {
    "evaluate": "mistudio.evaluation.evaluate",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mistudio' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
