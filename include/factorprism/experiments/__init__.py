"""The experiments of the original studies, repeatable: a question, a table, a plain answer."""

from factorprism.experiments.catalogue import CATALOGUE, find_experiment
from factorprism.experiments.experiment import (
    Estimate,
    Experiment,
    ExperimentSize,
    Result,
    ResultTable,
)
from factorprism.experiments.history import History, load_history
from factorprism.experiments.report import Report, conduct, format_seconds

__all__ = [
    "CATALOGUE",
    "Estimate",
    "Experiment",
    "ExperimentSize",
    "History",
    "Report",
    "Result",
    "ResultTable",
    "conduct",
    "find_experiment",
    "format_seconds",
    "load_history",
]
