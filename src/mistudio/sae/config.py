"""What an SAE is, apart from its weights: one class an architecture, and another one where its training has options."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Discriminator, Field, Tag, model_validator

from mistudio.config import Config
from mistudio.errors import BadInput


class SaeConfig(Config):
    """What every architecture has."""

    architecture: str
    expansion: float = Field(default=8.0, gt=0)
    """Latents per dimension of the input; `d_sae` overrides it."""
    d_sae: int | None = Field(default=None, gt=0)
    """Number of latents; `expansion` × the input's width where it is not given."""

    def width(self, d_in: int) -> int:
        """The number of latents for an input of `d_in` dimensions."""
        return self.d_sae or round(self.expansion * d_in)

    def shape(self) -> dict[str, Any]:
        """The fields that another architecture of the same size has too."""
        return {"expansion": self.expansion, "d_sae": self.d_sae}


# ── for use ──────────────────────────────────────────────────────────────────────────────────────


class StandardConfig(SaeConfig):
    """ReLU (Bricken et al. 2023, "Towards Monosemanticity")."""

    architecture: Literal["standard"] = "standard"


class JumpReLUConfig(SaeConfig):
    """A latent is active above a threshold of its own (Rajamanoharan et al. 2024, arXiv 2407.14435)."""

    architecture: Literal["jumprelu"] = "jumprelu"


class GatedConfig(SaeConfig):
    """A gate says which latents are active, and a magnitude how much (Rajamanoharan et al. 2024, arXiv 2404.16014)."""

    architecture: Literal["gated"] = "gated"


class TranscoderConfig(SaeConfig):
    """ReLU, from one hook point to another (Dunefsky et al. 2024, arXiv 2406.11944)."""

    architecture: Literal["transcoder", "skip_transcoder"] = "transcoder"


class JumpReLUTranscoderConfig(SaeConfig):
    """JumpReLU, from one hook point to another."""

    architecture: Literal["jumprelu_transcoder", "jumprelu_skip_transcoder"] = "jumprelu_transcoder"


class GatedTranscoderConfig(SaeConfig):
    """Gated, from one hook point to another. SAELens has no class that runs it."""

    architecture: Literal["gated_transcoder", "gated_skip_transcoder"] = "gated_transcoder"


class TopKTranscoderConfig(SaeConfig):
    """TopK, from one hook point to another. SAELens has no class that runs it."""

    architecture: Literal["topk_transcoder", "topk_skip_transcoder"] = "topk_transcoder"
    k: int = Field(default=32, gt=0)
    """Active latents per token."""


# ── for training ─────────────────────────────────────────────────────────────────────────────────


class TrainableSaeConfig(SaeConfig):
    """What every architecture has that is trained here."""

    k: int = Field(default=32, gt=0)
    """Active latents per token (L0): kept of each token, kept on average, or arrived at, as the architecture has it."""
    aux_k: int = Field(default=256, ge=0)
    """Dead latents that try to explain each token's error (AuxK); 0 switches it off."""
    aux_coefficient: float = Field(default=1 / 32, ge=0)
    """Weight of the AuxK loss relative to the reconstruction loss."""

    target: str | None = None
    """Hook point to reconstruct in place of the one that is read, which makes a transcoder: mlp_out.15, or mlp_out for
    the layer that is read."""
    skip: bool = False
    """With a target: a linear map from what is read to the target beside the latents (Paulo et al. 2025)."""

    @property
    def label(self) -> str:
        """Sparsity and width in a few letters: k32-x8."""
        return f"k{self.k}-x{self.d_sae or format(self.expansion, 'g')}"

    def target_of(self, hook: str) -> str | None:
        """The target's full name where `hook` is read; None without a target.

        Raises:
            BadInput: they are one hook point, or two names of the same activations.
        """
        if self.target is None:
            return None
        layer = hook.rpartition(".")[2]
        target = self.target if "." in self.target else f"{self.target}.{layer}"
        if _same_as(target) == _same_as(hook):
            raise BadInput(
                f"{target} is to be reconstructed from {hook}, which holds the same activations.",
                remedy="Leave out --target for an SAE, or read another hook point, such as mlp_in.",
            )
        return target

    def hooks(self, hook: str | None) -> str | tuple[str, str] | None:
        """What a source must hold where `hook` is asked for: itself, or a transcoder's input and target side by side.

        A transcoder reads `mlp_in` of its target's layer where nothing is asked for.

        Raises:
            BadInput: the target is what is read, or neither says which layer.
        """
        if self.target is None:
            return hook
        if hook is None and "." not in self.target:
            raise BadInput(
                f"{self.target} does not say which layer.", remedy=f"Name it: {self.target}.N, or name what is read."
            )
        hook = hook or f"mlp_in.{self.target.rpartition('.')[2]}"
        target = self.target_of(hook)
        assert target is not None
        return hook, target

    @model_validator(mode="after")
    def _skip_has_a_target(self) -> TrainableSaeConfig:
        if self.skip and self.target is None:
            raise ValueError(
                "skip needs a target: from what is read to itself, a skip connection reconstructs without a latent"
            )
        return self


class TopKConfig(TrainableSaeConfig):
    """Each token keeps its k largest pre-activations (Gao et al. 2024, arXiv 2406.04093)."""

    architecture: Literal["topk"] = "topk"


class BatchSelectionConfig(TrainableSaeConfig):
    """A batch of B tokens keeps its k·B largest pre-activations: tokens that need more latents have more.

    Once trained it is a JumpReLU SAE: a latent is active above a threshold, the running mean of the smallest activation
    that was kept.
    """

    threshold_decay: float = Field(default=0.9, ge=0, lt=1)
    """Share of the threshold that stays from one step to the next."""


class BatchTopKConfig(BatchSelectionConfig):
    """The k·B largest pre-activations of a batch of B tokens are kept (Bussmann et al. 2024, arXiv 2412.06410)."""

    architecture: Literal["batchtopk"] = "batchtopk"


class MatryoshkaConfig(BatchSelectionConfig):
    """BatchTopK whose first latents alone must reconstruct too (Bussmann et al. 2025, arXiv 2503.17547).

    The first latents learn general features, and later ones details, so that a general feature is not swallowed by its
    special cases.
    """

    architecture: Literal["matryoshka"] = "matryoshka"
    prefix_shares: tuple[float, ...] = (1 / 16, 1 / 8, 1 / 4, 1 / 2)
    """Shares of the latents that reconstruct by themselves, ascending; all of them together do so anyway."""

    @model_validator(mode="after")
    def _ascending(self) -> MatryoshkaConfig:
        if any(low >= high for low, high in zip((0.0, *self.prefix_shares), (*self.prefix_shares, 1.0), strict=True)):
            raise ValueError("Shares of the latents ascend, above 0 and below 1.")
        return self

    def ends(self, d_sae: int) -> tuple[int, ...]:
        """Where each prefix of the latents ends; of those that would be empty or equal there is one."""
        ends = {round(share * d_sae) for share in self.prefix_shares} - {0, d_sae}
        return (*sorted(ends), d_sae)


class PenalisedConfig(TrainableSaeConfig):
    """Active latents cost something, and the weight of that penalty is found during training."""

    coefficient: float | None = Field(default=None, gt=0)
    """Weight of the penalty; adjusted step by step until `k` latents are active on average, where it is not given."""
    pre_coefficient: float = Field(default=0.01, ge=0)
    """Weight of what pulls dead latents' pre-activations up to their bound; 0 switches it off. Long runs need less."""


class StandardTrainingConfig(PenalisedConfig):
    """ReLU with a penalty on Σ|activation|, the L1 norm (Bricken et al. 2023; Anthropic, April 2024 update)."""

    architecture: Literal["standard"] = "standard"
    decoder_norm: Literal["unit", "weighted"] = "unit"
    """Rows of the decoder keep norm 1, or are free and each activation is penalised times its row's norm."""


class GatedTrainingConfig(PenalisedConfig):
    """A gate says which latents are active, and a magnitude how much (Rajamanoharan et al. 2024, arXiv 2404.16014).

    The L1 penalty lies on the gate alone, so that it doesn't shrink the magnitudes.
    """

    architecture: Literal["gated"] = "gated"


class JumpReLUTrainingConfig(PenalisedConfig):
    """Each latent learns a threshold of its own (Rajamanoharan et al. 2024, arXiv 2407.14435)."""

    architecture: Literal["jumprelu"] = "jumprelu"
    penalty: Literal["step", "tanh", "quadratic"] = "quadratic"
    """What active latents cost: their number (step), a smooth count of them (tanh: Anthropic, January 2025), or the
    squared relative distance of their number from `k` (quadratic: Gemma Scope 2)."""
    bandwidth: float = Field(default=0.5, gt=0)
    """Width of the band around a threshold in which pre-activations move it, as a share of the threshold."""
    tanh_scale: float = Field(default=4.0, gt=0)
    """With tanh: how steeply the count rises with the activation."""


def _same_as(hook: str) -> str:
    """One name for the stream between two layers, which has two."""
    site, _, layer = hook.partition(".")
    return f"resid_post.{int(layer) - 1}" if site == "resid_pre" and layer.isdigit() and int(layer) > 0 else hook


TrainableName = Literal["topk", "batchtopk", "matryoshka", "jumprelu", "gated", "standard"]


class InWords(NamedTuple):
    """What an architecture is called, and why one would choose it."""

    title: str
    why: str


TRAINABLE: dict[TrainableName, InWords] = {
    "topk": InWords("TopK", "k latents for every token; a good first choice."),
    "batchtopk": InWords("BatchTopK", "k on average, more where there is more to say; usually the better SAE."),
    "matryoshka": InWords(
        "Matryoshka", "batchtopk whose first latents explain alone, so that general features stay whole."
    ),
    "jumprelu": InWords("JumpReLU", "every latent learns how strong it must be before it counts."),
    "gated": InWords("Gated", "one part decides whether, another one how much; to compare with older work."),
    "standard": InWords(
        "Standard", "ReLU with an L1 penalty, which makes activations too small; to compare with older work."
    ),
}
"""The architectures that can be trained here."""


def _architecture(value: Any) -> Any:
    return value.get("architecture", "topk") if isinstance(value, dict) else getattr(value, "architecture", None)


TrainableConfig = Annotated[
    Annotated[TopKConfig, Tag("topk")]
    | Annotated[BatchTopKConfig, Tag("batchtopk")]
    | Annotated[MatryoshkaConfig, Tag("matryoshka")]
    | Annotated[JumpReLUTrainingConfig, Tag("jumprelu")]
    | Annotated[GatedTrainingConfig, Tag("gated")]
    | Annotated[StandardTrainingConfig, Tag("standard")],
    Discriminator(
        _architecture,
        custom_error_type="architecture",
        custom_error_message=f"Known architectures: {', '.join(TRAINABLE)}",
    ),
]
"""The architectures that can be trained here; TopK where none is named."""
