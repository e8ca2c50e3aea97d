"""Open an SAE that was trained here in SAELens. No export: its files are SAELens' own.

    python examples/in_saelens.py SAE

SAE is the directory of an SAE. Runs where SAELens is installed; miStudio need not be there.
"""

import sys

import torch
from sae_lens import SAE


def main(directory: str) -> None:
    sae = SAE.load_from_disk(directory)
    acts = torch.randn(8, sae.cfg.d_in)
    code = sae.encode(acts)
    print(f"{sae.cfg.d_sae} latents, {int((code > 0).sum(-1).float().mean())} of them active on noise")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
