"""Asks Great Expectations: each expectation once, whatever number of subjects a frame holds."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from factorprism.quality._rules import Rule
from factorprism.quality._segments import IntArray


@dataclass(frozen=True)
class Answer:
    """The rows on which an expectation fails, ascending, or why it could not be checked."""

    failing: IntArray
    error: str = ""


def ask(frame: pd.DataFrame, rules: Sequence[Rule], suite: str) -> Mapping[tuple[str, str], Answer]:
    """Return by `Rule.asked` the answer to what each of `rules` asks of the rows of `frame`.

    `frame` counts its rows by its index. NaN cells are passed over by rules on values.
    """
    gx = _import_great_expectations()
    measures = list(dict.fromkeys(rule.measure for rule in rules))
    batch = _take_frames().get_batch({"dataframe": frame[measures]})
    expectations = [_build(gx, rule, number) for number, rule in enumerate(rules)]
    validation = batch.validate(
        gx.ExpectationSuite(name=suite, expectations=expectations),
        result_format={"result_format": "COMPLETE"},
    )
    verdicts = {item.expectation_config.meta["number"]: item for item in validation.results}
    return {rule.asked: _read(verdicts[number]) for number, rule in enumerate(rules)}


@lru_cache(maxsize=1)
def _take_frames() -> Any:
    """Return what makes a batch of any frame, in a context that writes and sends nothing.

    Made once: a tenth of a question's time. The frame of the last question is held.
    """
    context = _import_great_expectations().get_context(mode="ephemeral")
    context.enable_analytics(False)
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("memory").add_dataframe_asset("frame")
    return asset.add_batch_definition_whole_dataframe("all")


@lru_cache(maxsize=1)
def _import_great_expectations() -> ModuleType:
    # The import alone writes over two hundred INFO lines, and each context one more.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations
    import great_expectations.expectations

    # This module sets its own logger back to INFO while it is imported.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    module: ModuleType = great_expectations
    return module


def _build(gx: ModuleType, rule: Rule, number: int) -> Any:
    options = {name: value for name, value in rule.options.items() if name != "mostly"}
    builder = getattr(gx.expectations, rule.expectation)
    return builder(**options, meta={"number": number, "sentence": rule.holds})


def _read(verdict: Any) -> Answer:
    failing = np.array(sorted(verdict.result.get("unexpected_index_list") or []), dtype=np.int64)
    raised = _raised(verdict.exception_info or {})
    if not raised and not verdict.success and not len(failing):
        raised = "no failing row was named"
    return Answer(failing, raised)


def _raised(info: Mapping[str, Any]) -> str:
    # One entry, or one for each metric that could not be computed.
    entries = [info] if "raised_exception" in info else list(info.values())
    messages = [str(entry["exception_message"]) for entry in entries if entry["raised_exception"]]
    return messages[0].splitlines()[0] if messages else ""
