"""The places in a language model that can be read and edited, by name.

    resid_pre.L    what block L reads: the residual stream before it
    attn_z.L       what attention's output projection reads: the heads' outputs side by side (heads × head size)
    attn_out.L     what attention adds to the residual stream
    mlp_in.L       what the MLP reads: the normalised residual stream
    mlp_out.L      what the MLP adds to the residual stream
    resid_post.L   what block L hands on

`resid_pre + attn_out + mlp_out = resid_post` in every supported family, proven in tests/contracts/test_hook_points.py;
the one exception, blocks that normalise their sums (OPT-350m), is stated in families.py. Layers count from 0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from mistudio.errors import BadInput

_POINT = re.compile(r"([a-z_]+)\.(\d{1,4})", re.ASCII)


class HookSite(StrEnum):
    """Where in a block."""

    RESID_PRE = "resid_pre"
    ATTN_Z = "attn_z"
    ATTN_OUT = "attn_out"
    MLP_IN = "mlp_in"
    MLP_OUT = "mlp_out"
    RESID_POST = "resid_post"


@dataclass(frozen=True)
class HookPoint:
    """A site in a block."""

    site: HookSite
    layer: int
    """Counted from 0."""

    def __str__(self) -> str:
        return f"{self.site.value}.{self.layer}"

    @classmethod
    def parse(cls, text: str) -> HookPoint:
        """The point that a name such as `resid_post.15` means.

        Raises:
            BadInput: the text is not of that form.
        """
        match = _POINT.fullmatch(text.strip())
        if match is None or match[1] not in set(HookSite):
            sites = ", ".join(site.value for site in HookSite)
            raise BadInput(
                f"{text!r} is not a hook point.",
                remedy=f"Write SITE.LAYER, such as resid_post.15; the sites are {sites}.",
            )
        return cls(HookSite(match[1]), int(match[2]))
