"""Memory for arrays of one shape, which comes back when nothing refers to it any longer."""

from __future__ import annotations

import weakref
from collections import deque
from typing import Any

import numpy as np

from factorprism.core.schemas import FloatArray


class _Lease:
    """Stands as the owner of one array: it dies with the last array or tensor on its memory."""

    def __init__(self, memory: FloatArray) -> None:
        self.__array_interface__: dict[str, Any] = memory.__array_interface__


class ArrayPool:
    """Lends float32 arrays of one shape; fresh memory for each would cost three times the copy.

    Memory is lent again only once every array, view or tensor that refers to it is gone, which
    Python itself tells. It may come back in any thread.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        self._free: deque[FloatArray] = deque()

    def lend(self) -> FloatArray:
        """Return an array of the pool's shape; what stands in it is not said."""
        try:
            memory = self._free.pop()
        except IndexError:
            memory = np.empty(self._shape, np.float32)
        lease = _Lease(memory)
        # The finalizer holds the memory while it is lent, and hands it back.
        weakref.finalize(lease, self._free.append, memory).atexit = False
        return np.asarray(lease)
