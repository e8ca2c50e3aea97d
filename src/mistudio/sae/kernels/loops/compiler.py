"""How loops are compiled."""

from __future__ import annotations

import numba

one_thread = numba.njit(cache=True, fastmath=True, nogil=True)
parallel = numba.njit(cache=True, fastmath=True, nogil=True, parallel=True)
