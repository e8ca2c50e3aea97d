"""The loops of `kernels.compiled`: machine code made by Numba at first use and cached beside these files.

Each loop runs over tokens or latents that are written by one thread only, so results do not depend on timing.
"""
