"""What one pass over the activations leaves behind: sorted runs on disk, and exact totals of every latent.

1. `add` takes the active latents of some tokens, adds them to the totals and packs them into keys.
2. `end_block` writes a run once enough keys are there: keys sorted; tokens, latents and codes as they came.
3. Beside each run stand the totals and the number of blocks that are in it, written last and atomically, so that a pass
   that stops at any moment goes on from its last run.

Knows neither SAE nor text. Memory is bounded by `shard_activations` and one block.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mistudio.artifacts.atomic import new_file, write_json
from mistudio.errors import ConfigConflict
from mistudio.features.packed_keys import KeyLayout, Keys, code_of

_STATE = "state.json"
_COLUMNS = ("keys", "positions", "counts", "latents", "codes")
"""Of a run; see `Run`."""


class ActiveLatents(NamedTuple):
    """The active latents of some tokens, token after token."""

    positions: NDArray[np.int64]
    """Flat position of each token."""
    counts: NDArray[np.int64]
    """Active latents of each token."""
    latents: NDArray[np.int64]
    values: NDArray[np.float32]
    """Above zero; one for each entry of `latents`."""


@dataclass
class Totals:
    """Exact numbers of every latent, before any rounding; F latents each."""

    counts: NDArray[np.int64]
    """Tokens on which it is active."""
    sums: NDArray[np.float64]
    """Of its activations."""
    maxima: NDArray[np.float32]
    """Its largest activation; 0 where it was never active."""

    @classmethod
    def zeros(cls, n_latents: int) -> Totals:
        """Before the first token."""
        return cls(np.zeros(n_latents, np.int64), np.zeros(n_latents), np.zeros(n_latents, np.float32))

    def add(self, active: ActiveLatents) -> None:
        """Count some more tokens."""
        n_latents = len(self.counts)
        self.counts += np.bincount(active.latents, minlength=n_latents)
        self.sums += np.bincount(active.latents, active.values, minlength=n_latents)
        np.maximum.at(self.maxima, active.latents, active.values)


@dataclass(frozen=True)
class Run:
    """A written shard, memory-mapped."""

    keys: Keys
    """Ascending."""
    positions: NDArray[np.int64]
    counts: NDArray[np.int64]
    latents: NDArray[Any]
    """In the order of the tokens, like `codes`."""
    codes: NDArray[np.uint16]


class Collection:
    """The runs and totals of one pass, in a directory that a later process can take up.

    Args:
        directory: of the runs; taken up if it holds some.
        identity: what is being collected, as JSON; a pass of another identity is refused.
        layout: of the keys.
        n_latents: of the SAE.
        shard_activations: keys in a run, about.

    Raises:
        ConfigConflict: the directory holds a pass over something else.
    """

    def __init__(
        self, directory: Path, identity: Mapping[str, Any], layout: KeyLayout, n_latents: int, shard_activations: int
    ) -> None:
        self._directory = directory
        self._identity = json.loads(json.dumps(identity))
        self.layout = layout
        self._capacity = shard_activations
        self.totals = Totals.zeros(n_latents)
        self.blocks = 0
        self.tokens = 0
        self.seconds = {"source": 0.0, "encoding": 0.0, "indexing": 0.0}
        self.complete = False
        self._n_runs = 0
        self._pending: dict[str, list[NDArray[Any]]] = {name: [] for name in _COLUMNS}
        self._n_pending = 0
        self.latent_type = np.dtype(np.uint16 if n_latents <= 1 << 16 else np.uint32)
        directory.mkdir(parents=True, exist_ok=True)
        if (directory / _STATE).is_file():
            self._take_up(json.loads((directory / _STATE).read_text(encoding="utf-8")))

    @property
    def activations(self) -> int:
        """Activations so far."""
        return int(self.totals.counts.sum())

    def add(self, active: ActiveLatents) -> None:
        """Take the next tokens of the current block."""
        self.totals.add(active)
        codes = code_of(active.values)
        keys = self.layout.pack(active.latents, codes, np.repeat(active.positions, active.counts))
        columns: tuple[NDArray[Any], ...] = (
            keys,
            active.positions,
            active.counts,
            active.latents.astype(self.latent_type),
            codes,
        )
        for name, column in zip(_COLUMNS, columns, strict=True):
            self._pending[name].append(column)
        self._n_pending += len(keys)
        self.tokens += len(active.positions)

    def end_block(self) -> None:
        """The current block is whole: write a run if it is time to."""
        self.blocks += 1
        if self._n_pending >= self._capacity:
            self.save()

    def finish(self) -> None:
        """There are no more blocks."""
        self.complete = True
        self.save()

    def save(self) -> None:
        """Write everything that is whole, so that another process can go on from here."""
        if self._pending["keys"]:
            self._write_run()
        totals = f"totals-{self.blocks}.npz"
        with new_file(self._directory / totals) as path, path.open("wb") as file:
            np.savez(file, **vars(self.totals))
        state = {
            "identity": self._identity,
            "totals": totals,
            "runs": self._n_runs,
            "blocks": self.blocks,
            "tokens": self.tokens,
            "seconds": self.seconds,
            "complete": self.complete,
        }
        write_json(self._directory / _STATE, state)
        for path in self._directory.glob("totals-*.npz"):
            if path.name != totals:
                path.unlink()

    def runs(self) -> Iterator[Run]:
        """The runs written so far."""
        for i in range(self._n_runs):
            folder = self._run(i)
            yield Run(**{name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in _COLUMNS})

    def _write_run(self) -> None:
        folder = self._run(self._n_runs)
        folder.mkdir(exist_ok=True)
        for name in _COLUMNS:
            joined = np.concatenate(self._pending[name])
            self._pending[name] = []
            np.save(folder / f"{name}.npy", self.layout.sort(joined) if name == "keys" else joined)
        self._n_pending = 0
        self._n_runs += 1

    def _run(self, i: int) -> Path:
        return self._directory / f"run-{i:05d}"

    def _take_up(self, state: dict[str, Any]) -> None:
        if state["identity"] != self._identity:
            changed = sorted(k for k in self._identity if state["identity"].get(k) != self._identity[k])
            raise ConfigConflict(
                f"{self._directory.parent} holds an unfinished pass that differs in: {', '.join(changed)}.",
                remedy="Repeat the original options, choose another --out, or remove that directory.",
            )
        with np.load(self._directory / state["totals"]) as totals:
            self.totals = Totals(**totals)
        self._n_runs, self.blocks, self.tokens = state["runs"], state["blocks"], state["tokens"]
        self.seconds, self.complete = state["seconds"], state["complete"]
