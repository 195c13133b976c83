"""What an instrument is, told by its code."""

from __future__ import annotations

# The exchanges' code plans: Shanghai's own indices, and those of others that it lists.
INDEX_CODES = {"SH": ("000", "88", "93"), "SZ": ("399",)}


def is_index(symbol: str) -> bool:
    """Tell an index, whose volume is that of many shares, from a share or a fund.

    ``^`` symbols, 000xxx.SH, 88xxxx.SH, 93xxxx.SH and 399xxx.SZ are indices.
    """
    if symbol.startswith("^"):
        return True
    code, _, suffix = symbol.partition(".")
    return code.startswith(INDEX_CODES.get(suffix, ()))
