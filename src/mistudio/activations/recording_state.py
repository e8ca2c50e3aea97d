"""What an unfinished recording must remember, so that a killed run goes on where its last finished files end."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mistudio.activations.config import TraceConfig
from mistudio.activations.outliers import TokenFilter
from mistudio.activations.parts import part_name
from mistudio.artifacts.atomic import WORK, write_json
from mistudio.corpora.tokens import Tokens
from mistudio.errors import ConfigConflict
from mistudio.language_models.loading import LanguageModel

STATE = f"{WORK}/state.json"


@dataclass
class Tally:
    """What one hook point's filter did so far."""

    kept: int = 0
    special: int = 0
    massive: int = 0


@dataclass
class RecordingState:
    """What a run must know to go on: everything before `contexts_done` lies in finished files."""

    identity: dict[str, Any]
    filters: dict[str, TokenFilter]
    tallies: dict[str, Tally]
    contexts_done: int = 0
    parts_done: int = 0
    tokens: int = 0
    """Run through the model, left-out ones included."""
    seconds: float = 0.0
    """Spent on recording, all runs together."""

    def save(self, folder: Path) -> None:
        """Write the state, whole or not at all."""
        content = {
            **vars(self),
            "filters": {hook: one.describe() for hook, one in self.filters.items()},
            "tallies": {hook: vars(one) for hook, one in self.tallies.items()},
        }
        (folder / WORK).mkdir(exist_ok=True)
        write_json(folder / STATE, content)

    @classmethod
    def load(cls, path: Path) -> RecordingState:
        """Read a state."""
        content = json.loads(path.read_text(encoding="utf-8"))
        content["filters"] = {hook: TokenFilter.from_description(one) for hook, one in content["filters"].items()}
        content["tallies"] = {hook: Tally(**one) for hook, one in content["tallies"].items()}
        return cls(**content)


def identity_of(lm: LanguageModel, tokens: Tokens, config: TraceConfig) -> dict[str, Any]:
    """What a run must have in common with the one that it continues."""
    model = lm.identity()
    content = {
        **config.model_dump(mode="json"),
        "model": model["digest"],
        "model dtype": model["dtype"],
        "quantize": model["quantize"],
        "tokens": tokens.artifact.as_input().sha256,
    }
    identity: dict[str, Any] = json.loads(json.dumps(content))
    return identity


def resumed(folder: Path, lm: LanguageModel, tokens: Tokens, config: TraceConfig) -> RecordingState | None:
    """The state of an interrupted run, after removing what it did not finish; None where it finished nothing.

    Raises:
        ConfigConflict: the interrupted run was of another model, text or other options.
    """
    if not (folder / STATE).is_file():
        clear(folder)
        return None
    state, wanted = RecordingState.load(folder / STATE), identity_of(lm, tokens, config)
    differing = sorted(name for name in wanted if wanted[name] != state.identity.get(name))
    if differing:
        raise ConfigConflict(
            f"An unfinished recording lies in {folder}, and differs in: {', '.join(differing)}.",
            remedy="Repeat its options to continue it, choose another --out, or remove that folder.",
        )
    for hook in config.hooks:
        finished = {part_name(number) for number in range(state.parts_done)}
        for path in (folder / hook).glob("*"):
            if path.name not in finished:
                path.unlink()
    return state


def clear(folder: Path) -> None:
    """Remove everything in the folder."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
