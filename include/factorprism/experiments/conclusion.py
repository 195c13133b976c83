"""From evaluated contestants to a result: the table, the paired differences, pictures and words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from factorprism.experiments.comparison import (
    SHOWN,
    ContestantResult,
    Pair,
    adjust_for_all,
    compare_pairs,
    pair_rows,
    skill_sentence,
    tabulate,
    time_rows,
)
from factorprism.experiments.experiment import Cell, Estimate, Result, ResultTable
from factorprism.experiments.pictures import draw_contestants, draw_pairs
from factorprism.learning import TrainingSet


def conclude(
    evaluated: Mapping[str, ContestantResult],
    training_set: TrainingSet,
    pairs: Sequence[tuple[str, str]],
    seed: int,
    *,
    column: str,
    title: str,
    remarks: Sequence[str] = (),
) -> Result:
    """Return the result of contestants that evaluated the same sessions of `training_set`.

    `pairs` are the names whose difference is the question; it is answered first, and then whether
    any of `evaluated` has skill after adjusting for them all. `column` says what tells them apart.
    """
    adjusted = adjust_for_all(evaluated, training_set.horizon, seed)
    rows = tabulate(evaluated, training_set, adjusted, seed, column=column)
    found = compare_pairs(evaluated, pairs, training_set.horizon, seed)
    return Result(
        tables=(
            ResultTable("", "Figures", rows),
            ResultTable("pairs", "Paired differences on the same sessions", pair_rows(found)),
            ResultTable("times", "Wall times", time_rows(evaluated, column), of_times=True),
        ),
        verdict=" ".join(
            part
            for part in (
                pairs_sentence(found),
                skill_sentence(adjusted),
                level_sentence(rows, column),
            )
            if part
        ),
        remarks=tuple(remarks),
        figures={
            "": draw_contestants(rows, title=title),
            "pairs": draw_pairs(found, title=f"{title}: paired differences"),
        },
    )


def pairs_sentence(pairs: Sequence[Pair]) -> str:
    """Say of all `pairs` which differences are shown, in one sentence."""
    found = [pair.sentence for pair in pairs if pair.is_shown]
    rest = [pair for pair in pairs if not pair.is_shown]
    if len(rest) == 1:
        found.append(rest[0].sentence)
    elif rest:
        number = f"the other {len(rest)}" if found else f"any of {len(rest)}"
        found.append(f"no difference shown in {number} pairs")
    return _as_sentence("; ".join(found))


def level_sentence(rows: Sequence[Mapping[str, Cell]], column: str) -> str:
    """Say of which skill the images can have no part; empty where there is none such.

    A forecast that is constant within each fold may beat the base rate by its level alone.
    """
    level = []
    for row in rows:
        order = row["AUC within folds"]
        assert isinstance(order, Estimate)
        if row["skill"] == SHOWN and not order.lower > 0.5:
            level.append(str(row[column]))
    if not level:
        return ""
    return (
        f"But the AUC within folds of {', '.join(level)} does not exclude a half: the gain is one "
        "of level, and the images have shown nothing."
    )


def _as_sentence(text: str) -> str:
    # Names of networks keep their first letter.
    return f"N{text[1:]}." if text.startswith("no ") else f"{text}."
