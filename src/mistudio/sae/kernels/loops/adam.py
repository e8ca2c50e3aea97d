"""Adam and the decoder's normalisation in one pass over the parameters."""

from __future__ import annotations

from typing import no_type_check

import numba
import numpy as np

from mistudio.sae.kernels.loops.compiler import parallel


@parallel
@no_type_check
def adam(rows_FD, gradients_FD, first_FD, second_FD, lr, constants, unit_norm):
    """One step on rows, in place; `constants` in the order of the next line."""
    unbias_first, beta1, beta2, eps, scale, unbias = constants
    lr *= unbias_first
    d_in = rows_FD.shape[1]
    one = np.float32(1)
    for f in numba.prange(rows_FD.shape[0]):
        row, gradient, first, second = rows_FD[f], gradients_FD[f], first_FD[f], second_FD[f]
        for i in range(d_in):
            g = gradient[i] * scale
            first[i] = beta1 * first[i] + (one - beta1) * g
            second[i] = beta2 * second[i] + (one - beta2) * g * g
            row[i] -= lr * first[i] / (np.sqrt(second[i]) * unbias + eps)
        if unit_norm:
            squared = np.float32(0)
            for i in range(d_in):
                squared += row[i] * row[i]
            factor = one / np.sqrt(squared)
            for i in range(d_in):
                row[i] *= factor
