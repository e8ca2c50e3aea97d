"""Which latents are dead: silent for longer than a given number of tokens.

F d_sae.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from mistudio.sae.collective import ALONE, Ranks
from mistudio.sae.live_code import LiveCode


class FiringRecord:
    """Counts, per latent, tokens since it last fired and how often it fired lately.

    Args:
        d_sae: number of latents.
        dead_after: tokens of silence that make a latent dead.
        device: where the counters live.
        ranks: the processes that have the batch's other tokens.
    """

    def __init__(self, d_sae: int, dead_after: int, device: torch.device, ranks: Ranks = ALONE) -> None:
        self._ranks = ranks
        self.dead_after = dead_after
        self.silent_F: Int64[Tensor, " F"] = torch.zeros(d_sae, dtype=torch.int64, device=device)
        self.fired_F: Int64[Tensor, " F"] = torch.zeros(d_sae, dtype=torch.int64, device=device)
        self.counted_tokens = 0
        self.revived: Int64[Tensor, ""] = torch.zeros((), dtype=torch.int64, device=device)
        """Times that a dead latent fired again, since it was last set to 0."""

    def count(self, code: LiveCode) -> None:
        """Take in one batch, of which `code` is this process's share."""
        tokens, d_sae = code.tokens * self._ranks.size, self.silent_F.shape[0]
        # What is not active goes into a slot of its own, so that nothing waits for the device.
        live_N = torch.where(code.values_N > 0, code.latents_N, d_sae)
        firings_F = self._ranks.sum(torch.bincount(live_N, minlength=d_sae + 1)[:d_sae])
        self.revived += (self.dead_F() & (firings_F > 0)).sum()
        self.silent_F += tokens
        self.silent_F *= firings_F == 0
        self.fired_F += firings_F
        self.counted_tokens += tokens

    def dead_F(self) -> Bool[Tensor, " F"]:
        """The dead latents."""
        return self.silent_F >= self.dead_after

    def take_revived(self) -> int:
        """How often a dead latent fired again since the last call."""
        revived = int(self.revived)
        self.revived.zero_()
        return revived

    def restart_count(self) -> None:
        """Forget the firing counts, but not who is dead."""
        self.fired_F.zero_()
        self.counted_tokens = 0

    def firing_share_F(self) -> Float[Tensor, " F"]:
        """Share of the counted tokens on which each latent fired."""
        return self.fired_F.float() / max(1, self.counted_tokens)
