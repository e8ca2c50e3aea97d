"""Load a causal language model and its tokenizer: from the Hub, a directory or a .gguf file.

1. `checkpoints.locate` finds, fetches and checks the files.
2. Device and dtype are chosen (see `ModelConfig.dtype`), the quantiser where one is asked for.
3. transformers builds the model; it is put in evaluation mode and its parameters ask for no gradient.

`save_model` writes a loaded model as an artifact that loads in about a second, which is what a GGUF file is for:
its weights are unpacked once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from mistudio.artifacts.atomic import new_directory
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import Artifact, seal
from mistudio.errors import (
    ArtifactBroken,
    BadInput,
    FormatUnsupported,
    MistudioError,
    NotEnoughMemory,
    UnsupportedModel,
)
from mistudio.hardware import fast_dtype, named_device
from mistudio.language_models.checkpoints import Checkpoint, locate
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.gguf import gguf_options, needs_gguf, without_its_bar
from mistudio.language_models.quantisation import quantiser
from mistudio.progress import Progress, Silent

_ERROR = 40
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class LanguageModel:
    """A causal language model that is ready to run, and where it came from."""

    module: PreTrainedModel = field(repr=False)
    """In evaluation mode, its parameters without gradients."""
    tokenizer: PreTrainedTokenizerBase = field(repr=False)
    config: ModelConfig
    digest: str
    """A stable identity of the weights: the Hub's commit, or a sha256."""
    label: str | None = None
    """What the checkpoint calls itself, where that is not `config.source`."""

    @property
    def name(self) -> str:
        """What people call the model."""
        return self.label or self.config.source

    @property
    def text_config(self) -> PreTrainedConfig:
        """The language model's own configuration, also where it is part of a larger one."""
        return self.module.config.get_text_config()

    @property
    def d_model(self) -> int:
        """Width of the residual stream."""
        return int(self.text_config.hidden_size)

    @property
    def n_layers(self) -> int:
        """Number of blocks."""
        return int(self.text_config.num_hidden_layers)

    @property
    def vocab_size(self) -> int:
        """Number of logits; at least the number of tokens that the tokenizer knows."""
        return int(self.text_config.vocab_size)

    @property
    def max_context(self) -> int | None:
        """The longest context that the model was made for, in tokens; None where it states none."""
        return getattr(self.text_config, "max_position_embeddings", None)

    @property
    def dtype(self) -> torch.dtype:
        """Number format of the weights and the residual stream."""
        return self.module.dtype

    @property
    def device(self) -> torch.device:
        """Where the model runs."""
        return self.module.device

    @property
    def bos_id(self) -> int | None:
        """The token that begins a context; 0 is a valid id."""
        return _token_id(self.tokenizer.bos_token_id)

    @property
    def eos_id(self) -> int | None:
        """The token that ends a text."""
        return _token_id(self.tokenizer.eos_token_id)

    @property
    def special_ids(self) -> frozenset[int]:
        """Tokens that stand for no text: BOS, EOS, padding, turns of a chat."""
        return special_ids(self.tokenizer)

    def identity(self) -> dict[str, Any]:
        """What a manifest says of the model."""
        return {
            "name": self.name,
            "source": self.config.source,
            "revision": self.config.revision,
            "digest": self.digest,
            "dtype": str(self.dtype).removeprefix("torch."),
            "quantize": self.config.quantize,
            "d_model": self.d_model,
            "n_layers": self.n_layers,
            "vocab_size": self.vocab_size,
        }


def special_ids(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """The ids that the tokenizer itself calls special."""
    added = getattr(tokenizer, "added_tokens_decoder", {})
    return frozenset(tokenizer.all_special_ids) | {index for index, token in added.items() if token.special}


def load_model(
    config: ModelConfig | str, *, progress: Progress | None = None, token: str | None = None
) -> LanguageModel:
    """Load a causal language model and its tokenizer.

    Args:
        config: what and how; a bare string is the source, everything else at its default.
        token: for models of the Hub that are not open to everyone; it stands in no manifest.

    Raises:
        UnknownModel: there is no such model, or the Hub cannot be reached.
        FormatUnsupported: the files hold no model, or pickled weights.
        ArtifactBroken: a weight file is missing, truncated or does not fit the configuration.
        UnsupportedModel: transformers knows no causal language model of that kind.
        MissingExtra: GGUF or quantisation is asked for and its package is not installed.
        NotEnoughMemory: the weights do not fit.
        Interrupted: `progress` asked to stop.
    """
    config = ModelConfig(source=config) if isinstance(config, str) else config
    progress = progress or Silent()
    progress.advance("model: find", 0, None)
    checkpoint = locate(config.source, config.revision, progress=progress, token=token)
    progress.checkpoint()
    progress.advance("model: load", 0, None)
    device = named_device(config.device)
    options: dict[str, Any] = {"trust_remote_code": config.trust_remote_code, "use_safetensors": True}
    if config.quantize is not None:
        options |= {"quantization_config": quantiser(config.quantize), "device_map": {"": device}}
    if checkpoint.gguf_path is not None:
        if config.quantize is not None:
            raise BadInput(f"{checkpoint.name} is quantised already: a GGUF file cannot be loaded with --quantize.")
        needs_gguf()
        options |= gguf_options(checkpoint.gguf_path)
        del options["use_safetensors"]
    module = _read_weights(checkpoint, options, _dtype(config.dtype, device), progress)
    progress.checkpoint()
    if config.quantize is None:
        _move(module, device)
    module.train(False).requires_grad_(False)
    tokenizer = _read_tokenizer(checkpoint, config.trust_remote_code)
    progress.checkpoint()
    progress.advance("model: load", 1, 1)
    return LanguageModel(module, tokenizer, config, checkpoint.digest(), label=checkpoint.name)


def load_tokenizer(source: str, revision: str | None = None) -> PreTrainedTokenizerBase:
    """The tokenizer of a model, without its weights; raises what `load_model` raises."""
    return _read_tokenizer(locate(source, revision, weights=False), trust_remote_code=False)


def load_architecture(config: ModelConfig) -> tuple[PreTrainedConfig, str]:
    """A model's configuration and name, without its weights; raises what `load_model` raises."""
    checkpoint = locate(config.source, config.revision, weights=False)
    options: dict[str, Any] = {"trust_remote_code": config.trust_remote_code}
    if checkpoint.gguf_file is not None:
        needs_gguf()
        options["gguf_file"] = checkpoint.gguf_file
    with _said(checkpoint), _quietly():
        return AutoConfig.from_pretrained(str(checkpoint.directory), **options), checkpoint.name


def save_model(lm: LanguageModel, out: Path) -> Artifact:
    """Write the model as an artifact of kind model: safetensors weights, configuration, tokenizer, manifest.

    Raises:
        ArtifactExists: `out` is there already.
        DiskFull: the disk had no room.
    """
    with new_directory(out) as partial:
        with _quietly():
            lm.module.save_pretrained(partial)
        lm.tokenizer.save_pretrained(partial)
        identity = lm.identity()
        manifest = seal(partial, Kind.MODEL, config={**lm.config.model_dump(mode="json"), **identity})
    return Artifact(path=out, manifest=manifest)


def _read_weights(
    checkpoint: Checkpoint, options: dict[str, Any], dtype: torch.dtype | str, progress: Progress
) -> PreTrainedModel:
    # A shape that does not fit the configuration raises here: nothing is ever initialised at random instead.
    quiet = without_its_bar(progress) if checkpoint.gguf_file else nullcontext()
    with _said(checkpoint), _quietly(), quiet:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            str(checkpoint.directory), dtype=dtype, output_loading_info=True, **options
        )
    module: PreTrainedModel = loaded[0]
    missing = sorted(loaded[1].get("missing_keys", ()))
    if missing:
        raise ArtifactBroken(
            f"{checkpoint.name} lacks {len(missing)} of its weights, the first being {missing[0]}.",
            remedy="Download or export the model again; the files and config.json do not belong together.",
        )
    return module


def _read_tokenizer(checkpoint: Checkpoint, trust_remote_code: bool) -> PreTrainedTokenizerBase:
    options: dict[str, Any] = {"trust_remote_code": trust_remote_code}
    if checkpoint.gguf_file is not None:
        needs_gguf()
        options["gguf_file"] = checkpoint.gguf_file
    with _said(checkpoint, what="tokenizer"), _quietly():
        return AutoTokenizer.from_pretrained(str(checkpoint.directory), **options)


@contextmanager
def _said(checkpoint: Checkpoint, what: str = "model") -> Iterator[None]:
    """Turn what transformers raises on bad files into one sentence; our own errors pass."""
    where = checkpoint.name
    try:
        yield
    except MistudioError:
        raise
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise NotEnoughMemory(f"The weights of {where} do not fit into memory.") from error
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        short = (reason if len(reason) <= 200 else reason[:200] + "…") or type(error).__name__
        if "trust_remote_code" in reason:
            raise UnsupportedModel(
                f"The {what} of {where} is defined by Python code of its author's, which is not run unasked.",
                remedy="Set trust_remote_code (--trust-remote-code) if you trust the author with this machine.",
            ) from error
        if any(phrase in reason for phrase in ("Unrecognized configuration class", "model_type", "model type")):
            raise UnsupportedModel(
                f"{where} is not a causal language model that transformers knows: {short}",
                remedy="Upgrade transformers, or choose another model.",
            ) from error
        if isinstance(error, SafetensorError) or "mismatch" in reason:
            raise ArtifactBroken(f"The weights of {where} do not fit its configuration: {short}") from error
        raise FormatUnsupported(
            f"The {what} of {where} cannot be read: {short}", remedy="Download or export the model again."
        ) from error


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep transformers from drawing bars and listing what it does not use: the terminal is the command line's."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(_ERROR)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _dtype(name: str, device: torch.device) -> torch.dtype | str:
    if name in _DTYPES:
        return _DTYPES[name]
    return "auto" if device.type == "cuda" else fast_dtype(device)


def _move(module: PreTrainedModel, device: torch.device) -> None:
    try:
        torch.nn.Module.to(module, device)
    except torch.OutOfMemoryError as error:
        raise NotEnoughMemory(
            f"The weights of {module.config.name_or_path} do not fit on {device}.",
            remedy="Use --device cpu, --dtype bfloat16 or --quantize 4bit.",
        ) from error


def _token_id(value: Any) -> int | None:
    return value if isinstance(value, int) else None
