"""JSON that PostgreSQL accepts: numpy scalars as numbers, NaN and infinities as text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np


def encode_json(value: object) -> str:
    """Return `value` as JSON text; a float that JSON lacks becomes "nan", "inf" or "-inf".

    ``float`` turns that text back into the number. Raises ``ValueError`` for a value without a
    place in JSON.
    """
    return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        ordered = sorted(value) if isinstance(value, set | frozenset) else value
        return [_plain(item) for item in ordered]
    if value is None or isinstance(value, str | int | float):
        return value
    raise ValueError(f"value: {type(value).__name__} {value!r} has no place in JSON")
