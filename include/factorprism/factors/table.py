"""Prints the catalogue as the table of docs/factors.md: ``python -m factorprism.factors.table``."""

from __future__ import annotations

from factorprism.factors.catalogue import CATALOGUE
from factorprism.factors.factor import Factor

HEAD = ("factor", "inputs", "parameters", "look-back", "range", "unit", "NaN after", "source")


def build_table(catalogue: tuple[Factor, ...] = CATALOGUE) -> str:
    """Return `catalogue` as a Markdown table, one row a factor, ending with a line break."""
    rows = [HEAD, ("---",) * len(HEAD), *(_describe(factor) for factor in catalogue)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _describe(factor: Factor) -> tuple[str, ...]:
    parameters = ", ".join(f"{name} {value:g}" for name, value in factor.parameters.items())
    return (
        f"`{factor.name}`",
        ", ".join(factor.inputs),
        parameters,
        str(factor.lookback),
        f"{factor.lower:g} to {factor.upper:g}",
        factor.unit,
        "" if factor.undefined is None else str(factor.undefined),
        factor.source,
    )


if __name__ == "__main__":
    print(build_table(), end="")
