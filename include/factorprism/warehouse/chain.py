"""The chain of the ledger: the one text that a row is hashed as, and the hash of its values.

PostgreSQL writes the same text (``prism.ledger_text``): a JSON array of strings and nulls.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence
from json.encoder import encode_basestring

from factorprism.core.ledger import Values

# In the order of the text; a row's own hash covers all of it. `late_by` follows from two of them.
CHAINED = (
    "signal",
    "session",
    "model_id",
    "word",
    "position",
    "state",
    "target",
    "universe",
    "horizon",
    "horizon_end",
    "symbol",
    "reason",
    "data_hash",
    "factor_hash",
    "image_hash",
    "horizon_end_expected",
    "due_at",
    "created_at",
    "values_hash",
    "previous_hash",
)


def hash_row(fields: Sequence[str | None]) -> str:
    """Return the SHA-256 (hex) of a row whose `CHAINED` columns are `fields`, as text.

    Days are ISO, moments ``YYYY-MM-DDTHH:MM:SS.ffffff`` in UTC, truth is ``true`` or ``false``.
    """
    return _hash(f"[{', '.join('null' if item is None else quote(item) for item in fields)}]")


def hash_values(values: Values) -> str:
    """Return the SHA-256 (hex) of a row's values; empty where there are none."""
    return hash_cells(
        (symbol, name, encode_float(value))
        for symbol, named in sorted(values.items())
        for name, value in sorted(named.items())
    )


def hash_cells(cells: Iterable[tuple[str, str, str]]) -> str:
    """Return the hash of values by symbol, name and the hex of their eight bytes, in that order."""
    text = ", ".join(f'[{quote(symbol)}, {quote(name)}, "{bits}"]' for symbol, name, bits in cells)
    return _hash(f"[{text}]") if text else ""


def encode_float(value: float) -> str:
    """Return the hex of the eight bytes of `value`, big-endian; there is one zero."""
    return struct.pack(">d", value + 0.0).hex()


def quote(text: str) -> str:
    """Return `text` as JSON writes it, with only what must be escaped."""
    return encode_basestring(text)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
