"""The parts of a training step that touch live latents only, in implementations held equal by tests.

`reference` is dense, eager and differentiable: it defines the right answer. `portable` is sparse in plain PyTorch and
runs on every device. `compiled` is sparse machine code for processors, made by Numba where that is installed. `wide`
takes dense products instead, where very many latents are active.
"""
