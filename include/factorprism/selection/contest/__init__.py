"""The contest: who takes part, which folds are evaluated, and the table drawn from them."""

from factorprism.selection.contest._effort import probe_fold
from factorprism.selection.contest._entrants import (
    Entrant,
    Task,
    TaskIdentity,
    choose_entrants,
    list_named,
    list_tasks,
    pool_folds,
)
from factorprism.selection.contest._folds import PLACEBOS, SHIFTED, SHUFFLES, Fold, cut_folds
from factorprism.selection.contest._size import (
    ContestSize,
    choose_size,
    describe_seconds,
    fewest_folds,
)
from factorprism.selection.contest._table import ContestTable, EntrantFigures, PlaceboLine, tabulate

__all__ = [
    "PLACEBOS",
    "SHIFTED",
    "SHUFFLES",
    "ContestSize",
    "ContestTable",
    "Entrant",
    "EntrantFigures",
    "Fold",
    "PlaceboLine",
    "Task",
    "TaskIdentity",
    "choose_entrants",
    "choose_size",
    "cut_folds",
    "describe_seconds",
    "fewest_folds",
    "list_named",
    "list_tasks",
    "pool_folds",
    "probe_fold",
    "tabulate",
]
