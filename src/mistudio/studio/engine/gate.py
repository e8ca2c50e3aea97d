"""Keeps models from being built while others compute.

While transformers builds a model it sets torch's default dtype, which is the whole process': a computation in another
thread would make its float32 tensors in bfloat16. So computing is shared and building is exclusive; a long computation
lets those who wait to build pass at every step.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """A lock for threads: many may compute, one alone may build, and building comes first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._computing = 0
        self._building = False
        self._want_to_build = 0

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Compute while nobody builds."""
        self._enter()
        try:
            yield
        finally:
            self._leave()

    def let_pass(self) -> None:
        """While computing, at a point where nothing is in the making: let those build who wait for it."""
        if self._want_to_build:
            self._leave()
            self._enter()

    @contextmanager
    def building(self) -> Iterator[None]:
        """Build while nobody computes or builds."""
        with self._changed:
            self._want_to_build += 1
            self._changed.wait_for(lambda: not self._building and self._computing == 0)
            self._want_to_build -= 1
            self._building = True
        try:
            yield
        finally:
            with self._changed:
                self._building = False
                self._changed.notify_all()

    def _enter(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._building and not self._want_to_build)
            self._computing += 1

    def _leave(self) -> None:
        with self._changed:
            self._computing -= 1
            self._changed.notify_all()
