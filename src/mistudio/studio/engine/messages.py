"""What is asked of the engine and what it answers, as its clients see it; engine.proto has the same names and fields.

What the library already has a class for travels as that class: ModelConfig, ModelDescription, SteeringSpec,
GenerateConfig, Comparison.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from mistudio.config import Config
from mistudio.language_models.config import ModelConfig
from mistudio.steering.compare import Comparison
from mistudio.steering.config import GenerateConfig, SteeringSpec

# ── what is loaded ───────────────────────────────────────────────────────────────────────────────


class StatusRequest(Config):
    """What is loaded, and who waits?"""


class Loaded(Config):
    """A model or an SAE in memory."""

    kind: Literal["model", "sae"]
    path: str
    """Where it was loaded from."""
    name: str
    dtype: str
    device: str
    bytes: int
    """Its weights."""
    loaded_at: float
    """Seconds since 1970."""
    idle_seconds: float
    """Since it was last used; 0 while it is."""
    in_use: bool
    waiting: int
    """Calls that wait for their turn."""


class LoadedList(Config):
    """Models first, each group by the time of loading."""

    items: tuple[Loaded, ...]


class EngineStatus(Config):
    """The engine in numbers."""

    version: str
    """miStudio's."""
    pid: int
    started_at: float
    """Seconds since 1970. The engine starts itself anew to give memory back."""
    idle_unload_seconds: float
    """What was not used for so long is unloaded."""
    loaded: tuple[Loaded, ...]
    loading: tuple[str, ...]
    """Paths that are being read."""
    running: int
    """Calls that have their turn."""
    waiting: int
    """Calls that wait for theirs."""
    resident_bytes: int
    """Memory of the process."""
    available_bytes: int
    """Host memory that could be taken now without swapping, within the control group's limit."""


class LoadRequest(Config):
    """Load a model, and with it an SAE, ahead of their use."""

    model: ModelConfig
    sae: str | None = None
    """Path of the SAE; it goes to the model's device."""


class UnloadRequest(Config):
    """Unload what is not in use."""

    path: str | None = None
    """Of a model or an SAE; everything where None."""


class RoomRequest(Config):
    """Unload what is idle until there is so much free memory."""

    bytes: int = Field(ge=0)
    device: str = "cpu"
    """`cpu`, `cuda`, `cuda:1`, `mps`, or `auto`."""


class Room(Config):
    """How much memory there is now."""

    device: str
    wanted_bytes: int
    free_bytes: int
    in_use_bytes: int
    """Of models and SAEs that are in use and were therefore not unloaded."""
    unloaded: tuple[str, ...]
    """Paths."""
    restarts: bool
    """The engine holds nothing any more and starts itself anew; ask again for what is free then."""

    @property
    def enough(self) -> bool:
        """Whether there is as much as was wanted."""
        return self.free_bytes >= self.wanted_bytes


class ShutdownRequest(Config):
    """End the process."""


class Stopping(Config):
    """The process ends."""

    cut_off: int
    """Calls that were running and are cut off."""


# ── steering ─────────────────────────────────────────────────────────────────────────────────────


class GenerateRequest(Config):
    """Continue prompts once by themselves and once under each spec, all in one batch."""

    model: ModelConfig
    """Its source is a path below the studio's home."""
    sae: str
    """Path of the SAE."""
    features: str | None = None
    """Path of the SAE's features, whose maximum activations are what a strength of 1 means."""
    specs: tuple[SteeringSpec, ...]
    prompts: tuple[str, ...]
    config: GenerateConfig = GenerateConfig()
    max_activation: dict[int, float] = {}
    """Largest activation of each edited latent, where they are not to be taken from `features`."""
    max_norm: float | None = None
    """Tokens with a larger norm are not edited; the SAE's token filter decides where None."""
    other_model: bool = False
    """Steer a model other than the one that the SAE was trained on, such as a fine-tuned one."""


class Waiting(Config):
    """Others come first."""

    ahead: int
    """Calls that have or get their turn before this one."""


class Loading(Config):
    """Something must be read first."""

    path: str


class Row(Config):
    """A row of the batch."""

    prompt: int
    """Which of the prompts it continues."""
    spec: int | None
    """Which of the specs steers it; None for the baseline."""


class Started(Config):
    """Writing begins."""

    rows: tuple[Row, ...]


class Piece(Config):
    """What a row has grown by. The pieces of a row, special ones left out, joined are its text."""

    row: int
    token_id: int | None
    """None for the rest that no token completed, after the row's last token."""
    text: str
    """A character spread over several tokens stands at the token that completes it."""
    special: bool
    """End of text, turn of a chat: shown, if at all, as what it is."""


class Step(Config):
    """One token more for each row that goes on."""

    pieces: tuple[Piece, ...]


class GenerateEvent(Config):
    """One of these has happened; `finished` comes last."""

    waiting: Waiting | None = None
    loading: Loading | None = None
    started: Started | None = None
    step: Step | None = None
    finished: Comparison | None = None


# ── activations of a text ────────────────────────────────────────────────────────────────────────


class ActivationsRequest(Config):
    """How active are latents on a text?"""

    model: ModelConfig
    sae: str
    text: str
    latents: tuple[int, ...] = ()
    """Latents whose activations are wanted on every token."""
    top: int = Field(default=10, ge=0, le=1000)
    """How many of the most active latents are wanted for each token."""
    prepend_bos: bool = True
    """Begin with the tokenizer's BOS, as the contexts that SAEs are trained on do."""
    other_model: bool = False
    """As in `GenerateRequest`."""


class LatentValue(Config):
    """An activation."""

    latent: int
    value: float


class TokenActivations(Config):
    """One token of the text."""

    token_id: int
    text: str
    """The pieces joined are the text; a character spread over several tokens stands at the last of them."""
    excluded: Literal["special", "massive"] | None
    """Why the SAE says nothing of it: special tokens and massive activations are not what it was trained on."""
    values: tuple[float, ...]
    """Activations of the latents asked for, in their order; none where the token is excluded."""
    top: tuple[LatentValue, ...]
    """The most active latents, strongest first; inactive ones are left out."""


class TextActivations(Config):
    """A text as an SAE sees it."""

    model: dict[str, Any]
    """Identity of the language model."""
    hook: str
    latents: tuple[int, ...]
    tokens: tuple[TokenActivations, ...]
    """Begins with BOS where it was prepended."""
