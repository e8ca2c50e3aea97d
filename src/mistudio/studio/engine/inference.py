"""What the engine does with the library, in its worker threads. Importing this imports torch: only loading does.

Every function blocks. A model is used by one at a time: hooks belong to the module and not to a call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mistudio.activations.outliers import TokenFilter
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import open_artifact
from mistudio.errors import BadInput, NotEnoughMemory
from mistudio.features.find import digest_of
from mistudio.features.pages import Features
from mistudio.hardware import fast_dtype, named_device
from mistudio.language_models import describe as description
from mistudio.language_models import loading
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.description import ModelDescription
from mistudio.language_models.generation import end_ids
from mistudio.language_models.hook_points import HookPoint
from mistudio.language_models.loading import LanguageModel
from mistudio.language_models.partial_forward import run_until
from mistudio.language_models.token_text import PieceStream, decode_pieces
from mistudio.progress import Progress
from mistudio.sae import native_file
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.steering.compare import Comparison
from mistudio.steering.config import GenerateConfig
from mistudio.steering.steer import encode_prompt, steer
from mistudio.studio.engine import memory
from mistudio.studio.engine.gate import Gate
from mistudio.studio.engine.messages import (
    ActivationsRequest,
    GenerateRequest,
    LatentValue,
    Piece,
    Step,
    TextActivations,
    TokenActivations,
)

_GATE = Gate()
_ALLOCATION_FAILED = ("can't allocate memory", "not enough memory", "out of memory")
_LOADING_SHARE = 1.1
"""Memory that loading takes, as a multiple of the weights."""


@dataclass(frozen=True)
class HeldModel:
    """A loaded model."""

    lm: LanguageModel
    bytes: int

    @property
    def name(self) -> str:
        """What people call it."""
        return self.lm.name

    @property
    def dtype(self) -> str:
        """Number format of the weights."""
        return str(self.lm.dtype).removeprefix("torch.")


@dataclass(frozen=True)
class HeldSae:
    """A loaded SAE, and the units of its strengths as they become known."""

    sae: SparseAutoencoder
    name: str
    bytes: int
    units: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    """Maximum activation of every latent, by the id of the features artifact that states them."""

    @property
    def dtype(self) -> str:
        """Number format of the weights."""
        return str(self.sae.W_dec_FD.dtype).removeprefix("torch.")


# ── memory ───────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def memory_named(what: str) -> Iterator[None]:
    """Turn a failed allocation into a sentence."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise NotEnoughMemory(f"The memory did not suffice for {what}.") from error
    except RuntimeError as error:
        if not any(phrase in str(error).lower() for phrase in _ALLOCATION_FAILED):
            raise
        raise NotEnoughMemory(f"The memory did not suffice for {what}.") from error


def device_named(name: str) -> str:
    """The device that a name means: `auto` chooses, `cuda` is the current GPU.

    Raises:
        BadInput: there is no such device.
    """
    device = named_device(name)
    bare = device.type == "cuda" and device.index is None
    return f"cuda:{torch.cuda.current_device()}" if bare else str(device)


def free_bytes(device: str) -> int:
    """Memory that can be taken on a device. Apple's GPU shares the machine's."""
    if not device.startswith("cuda"):
        return memory.available_bytes()
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + unused


def give_back() -> None:
    """Hand freed memory to the system and to other users of the GPU."""
    memory.give_back()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def model_bytes(config: ModelConfig) -> int:
    """Memory that loading a model takes, estimated from its configuration."""
    form: str = config.quantize or config.dtype
    if form == "auto":
        fast = torch.bfloat16 if config.device.startswith("cuda") else fast_dtype(torch.device(config.device))
        form = str(fast).removeprefix("torch.")
    sizes = {each.form: each.bytes for each in describe(config).memory}
    return round(sizes[form] * _LOADING_SHARE)


def sae_bytes(path: Path) -> int:
    """Memory that loading an SAE takes, estimated from its files."""
    return round(sum(file.stat().st_size for file in path.glob("*.safetensors")) * _LOADING_SHARE)


def writing_bytes(held: HeldModel, request: GenerateRequest) -> int:
    """Memory that keys, values and logits of a batch take at most."""
    config, lm = held.lm.text_config, held.lm
    heads = int(getattr(config, "num_key_value_heads", None) or config.num_attention_heads)
    d_head = int(getattr(config, "head_dim", None) or lm.d_model // config.num_attention_heads)
    longest = max((len(lm.tokenizer.encode(prompt)) for prompt in request.prompts), default=0)
    tokens = longest + 1 + request.config.max_new_tokens
    rows = len(request.prompts) * (1 + len(request.specs))
    cache = 2 * lm.n_layers * heads * d_head * lm.dtype.itemsize * tokens
    return rows * (cache + 4 * lm.vocab_size * 4)


# ── loading ──────────────────────────────────────────────────────────────────────────────────────


def describe(config: ModelConfig) -> ModelDescription:
    """Describe a model without loading it; raises what the library's `describe` raises."""
    with _GATE.building():
        return description.describe(config)


def load_model(config: ModelConfig) -> HeldModel:
    """Load a model; raises what the library's `load_model` raises."""
    with _GATE.building(), memory_named(f"the weights of {config.source}"):
        lm = loading.load_model(config)
    tensors = [*lm.module.parameters(), *lm.module.buffers()]
    return HeldModel(lm, bytes=sum(tensor.nbytes for tensor in tensors))


def load_sae(path: Path, device: str) -> HeldSae:
    """Load an SAE; raises what the library's `load_sae` raises."""
    with _GATE.computing(), memory_named(f"the weights of {path}"):
        sae = native_file.load_sae(path, device=device)
    return HeldSae(sae, name=path.name, bytes=sum(tensor.nbytes for tensor in sae.state_dict().values()))


# ── use ──────────────────────────────────────────────────────────────────────────────────────────


def generate(
    model: HeldModel,
    held: HeldSae,
    features: Path | None,
    request: GenerateRequest,
    on_step: Callable[[Step], None],
    progress: Progress,
) -> Comparison:
    """Write the baseline and the steered rows, and tell each token as it comes.

    Raises:
        BadInput: the SAE is of another model, the features are of another SAE, or what `steer` raises.
    """
    _check_same_model(model, held, other_model=request.other_model)
    units = request.max_activation if features is None else _units(held, features, request)
    pieces = _Pieces(model.lm, rows=len(request.prompts) * (1 + len(request.specs)))

    def on_tokens(ids: Sequence[int | None]) -> None:
        on_step(pieces.step(ids))
        _GATE.let_pass()

    with _GATE.computing(), memory_named("this batch; ask for fewer prompts or shorter texts"):
        comparison = steer(
            model.lm,
            held.sae,
            request.specs,
            request.prompts,
            request.config,
            max_activation=units,
            max_norm=request.max_norm,
            on_tokens=on_tokens,
            progress=progress,
        )
    if rest := pieces.rest():
        on_step(Step(pieces=rest))
    return comparison


def activations(model: HeldModel, held: HeldSae, request: ActivationsRequest) -> TextActivations:
    """Run a text through the model up to the SAE's hook point, and encode each of its tokens.

    Raises:
        BadInput: a latent does not exist, the text is empty or too long, or the SAE is of another model.
        ShapeError, HookMissing: the SAE does not fit the model.
    """
    lm, sae = model.lm, held.sae
    _check_same_model(model, held, other_model=request.other_model)
    _check_latents(held, request.latents)
    point = HookPoint.parse(sae.hook)
    ids = encode_prompt(lm, request.text, GenerateConfig(prepend_bos=request.prepend_bos))
    described = sae.metadata.get("token_filter")
    token_filter = TokenFilter.from_description(described) if described else TokenFilter(lm.special_ids)
    with _GATE.computing(), memory_named("this text; ask for a shorter one"), torch.inference_mode():
        ids_B = torch.tensor(ids)
        x_BD = run_until(lm, ids_B[None], [point])[point][0].float()
        keep_B = token_filter.keep(ids_B.to(x_BD.device), x_BD)
        code = sae.encode_sparse(x_BD[keep_B])
        codes = zip(code.latents_BK.tolist(), code.values_BK.tolist(), strict=True)
    special = token_filter.special_ids
    tokens = []
    for index, text, kept in zip(ids, decode_pieces(lm.tokenizer, ids), keep_B.tolist(), strict=True):
        if not kept:
            reason = "special" if index in special else "massive"
            tokens.append(TokenActivations(token_id=index, text=text, excluded=reason, values=(), top=()))
            continue
        active = {latent: value for latent, value in zip(*next(codes), strict=True) if value > 0}
        top = sorted(active.items(), key=lambda item: (-item[1], item[0]))[: request.top]
        tokens.append(
            TokenActivations(
                token_id=index,
                text=text,
                excluded=None,
                values=tuple(active.get(latent, 0.0) for latent in request.latents),
                top=tuple(LatentValue(latent=latent, value=value) for latent, value in top),
            )
        )
    return TextActivations(model=lm.identity(), hook=sae.hook, latents=request.latents, tokens=tuple(tokens))


class _Pieces:
    """The text of every row as its tokens come."""

    def __init__(self, lm: LanguageModel, rows: int) -> None:
        self._lm = lm
        self._ends = end_ids(lm)
        self._special = lm.special_ids | self._ends
        self._streams: dict[int, PieceStream] = {row: PieceStream(lm.tokenizer) for row in range(rows)}

    def step(self, ids: Sequence[int | None]) -> Step:
        """The pieces of the rows that go on; the rest of a row that ends comes with its last token."""
        pieces: list[Piece] = []
        for row, index in enumerate(ids):
            if index is None:
                continue
            special = index in self._special
            text = decode_pieces(self._lm.tokenizer, [index])[0] if special else self._streams[row].piece(index)
            if index in self._ends:
                pieces += self._rest_of(row)
            pieces.append(Piece(row=row, token_id=index, text=text, special=special))
        return Step(pieces=tuple(pieces))

    def rest(self) -> tuple[Piece, ...]:
        """What the last tokens of the rows left open."""
        return tuple(piece for row in list(self._streams) for piece in self._rest_of(row))

    def _rest_of(self, row: int) -> list[Piece]:
        stream = self._streams.pop(row, None)
        text = stream.rest() if stream is not None else ""
        return [Piece(row=row, token_id=None, text=text, special=False)] if text else []


def _check_same_model(model: HeldModel, held: HeldSae, *, other_model: bool) -> None:
    trained_on = held.sae.model_name
    if not other_model and trained_on and _last_part(trained_on) != _last_part(model.name):
        raise BadInput(
            f"{held.name} was trained on {trained_on}, and this model is {model.name}.",
            remedy=f"Choose {trained_on}, or say that another model, such as a fine-tuned one, is meant (other_model).",
        )


def _last_part(name: str) -> str:
    """A model's name without the organisation or folder."""
    return name.rstrip("/").rpartition("/")[2].lower()


def _check_latents(held: HeldSae, latents: tuple[int, ...]) -> None:
    for latent in latents:
        if not 0 <= latent < held.sae.d_sae:
            raise BadInput(
                f"There is no latent {latent}: the SAE has {held.sae.d_sae:,}.",
                remedy=f"Choose a latent from 0 to {held.sae.d_sae - 1}.",
            )


def _units(held: HeldSae, features: Path, request: GenerateRequest) -> Mapping[int, float]:
    """Maximum activations of the edited latents as the features state them.

    Raises:
        BadInput: the features are of another SAE, or a latent does not exist.
    """
    artifact = open_artifact(features, Kind.FEATURES)
    key = artifact.manifest.id
    if key not in held.units:
        if artifact.manifest.metrics["sae_sha256"] != digest_of(held.sae):
            raise BadInput(
                f"{features.name} has the features of another SAE than {held.name}.",
                remedy="Choose features that were found with this SAE, or find some.",
            )
        held.units[key] = Features(artifact).statistics.max
    latents = tuple(edit.latent for spec in request.specs for edit in spec.edits)
    _check_latents(held, latents)
    return {latent: float(held.units[key][latent]) for latent in latents}
