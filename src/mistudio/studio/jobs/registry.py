"""Which function does which kind of job; its module is imported when such a job runs, and no other."""

from __future__ import annotations

from importlib import import_module

from mistudio.studio.queue.process import JobFunction

_FUNCTIONS = {
    "dataset_add": ("corpora", "add"),
    "dataset_tokenize": ("corpora", "tokenize"),
    "model_add": ("language_models", "add"),
    "trace": ("activations", "trace"),
    "train": ("training", "train"),
    "finalize": ("finalizing", "finalize"),
    "evaluate": ("evaluation", "evaluate"),
    "probe": ("probing", "probe"),
    "find": ("features", "find"),
    "delete": ("deletion", "delete"),
    "demo": ("demo", "walk"),
}

KINDS = tuple(_FUNCTIONS)


def function_of(kind: str) -> JobFunction:
    """The function of a kind of job."""
    module, name = _FUNCTIONS[kind]
    function: JobFunction = getattr(import_module(f"mistudio.studio.jobs.{module}"), name)
    return function
