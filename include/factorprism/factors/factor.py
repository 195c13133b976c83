"""What an entry of the catalogue is: a formula with everything that its values depend on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from factorprism.factors._kernels import Column
from factorprism.factors.flat_windows import FlatWindow, blank_flat, find_runs

INPUTS = ("open", "high", "low", "close", "volume_shares")
GROUPS = ("momentum", "trend", "volatility", "volume")


@dataclass(frozen=True)
class Factor:
    """One technical factor of one symbol.

    `group` (one of `GROUPS`) is the side of the market that it measures. A factor that weighs price
    moves by volume counts as volume; a position within bands that widen with the standard deviation
    counts as volatility.

    `kernel`, a TA-Lib function or one like it, takes the bar columns `inputs` (some of `INPUTS`)
    in that order and `parameters`, which name every parameter it has. `lookback` counts the
    sessions before the first value; [`lower`, `upper`] is the closed range of the formula.
    A `recursive` kernel depends on all sessions before, others on the last `lookback` alone.
    Where `undefined` holds the value is NaN.
    """

    name: str
    group: str
    kernel: Callable[..., Column] = field(repr=False)
    inputs: tuple[str, ...]
    parameters: Mapping[str, int | float] = field(hash=False)
    lookback: int
    lower: float
    upper: float
    unit: str
    source: str
    recursive: bool = False
    undefined: FlatWindow | None = None

    def __post_init__(self) -> None:
        if self.group not in GROUPS:
            raise ValueError(f"group: {self.group!r}, allowed are {', '.join(GROUPS)}")
        unknown = [name for name in self.inputs if name not in INPUTS]
        if unknown or not self.inputs:
            raise ValueError(f"inputs: {self.inputs}, allowed are some of {INPUTS}")

    def compute(self, *columns: Column) -> Column:
        """Return the factor, float64 [session], from `inputs` as contiguous float64 [session].

        The columns hold one symbol's bars, oldest first, without NaN. Row t reads rows up to t.
        The first `lookback` rows are NaN, and so is every row where the formula is undefined.
        """
        values = self.kernel(*columns, **self.parameters)
        if self.undefined is not None:
            named = dict(zip(self.inputs, columns, strict=True))
            blank_flat(values, self.undefined, find_runs(self.undefined.what, named))
        return into_range(values, self.lower, self.upper)


def into_range(values: Column, lower: Column | float, upper: Column | float) -> Column:
    """Clip `values` in place, since running sums leave a formula's range by a last bit."""
    np.clip(values, lower, upper, out=values)
    # Which zero survives a clip at zero depends on where the row lies in memory: only +0.0 here.
    values += 0.0
    return values
