"""Merges what the gate let pass, and reports what that has revised."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from factorprism.alerts import catalogue
from factorprism.core.words import count
from factorprism.market.bars import Pull, PullState, Revision
from factorprism.pipelines._revisions import find_ratios, load_held, tell_ratios
from factorprism.pipelines._run import Run, learn_days
from factorprism.pipelines._set_aside import clear_aside, take_out
from factorprism.quality import blank_untraded

# Revised values that are reported one by one; the table bar_revisions has them all.
REVISIONS_REPORTED = 20


def merge_pulls(
    run: Run, pull_ids: Sequence[int], joined: Mapping[str, Sequence[int]]
) -> tuple[int, int]:
    """Return how many bars were new, and how many values were revised."""
    inserted = revised = 0
    for pull_id in pull_ids:
        pull = take_out(run, run.ports.warehouse.pulls.load_pull(pull_id))
        ratios = find_ratios(load_held(run, pull), pull)
        result = run.ports.warehouse.bars.merge_bars(blank_untraded(pull.bars), pull_id)
        run.ports.warehouse.pulls.mark_pull(pull_id, PullState.ACCEPTED)
        mark_parts(run, pull_id, joined, PullState.ACCEPTED)
        clear_aside(run, pull)
        inserted += result.inserted
        revised += len(result.revisions)
        _tell_revisions(run, pull, result.revisions, ratios)
    learn_days(run.config, run.ports)  # a day with a bar is a session, from here on
    labels = {"universe": run.universe.name}
    run.ports.meter.record("prism.bars.revised", revised, **labels)
    run.tell(f"bars: {inserted} new, {count(revised, 'value')} revised")
    return inserted, revised


def merge_others(
    run: Run,
    pulls: Sequence[Pull],
    refused: Collection[int],
    joined: Mapping[str, Sequence[int]],
) -> None:
    """Merge what is fit of the symbols of which no pull is `refused`."""
    stopped = {pull.symbol for pull in pulls if pull.pull_id in refused}
    fit = [pull for pull in pulls if pull.symbol not in stopped]
    if fit:
        merge_pulls(run, [pull.pull_id for pull in fit if pull.pull_id is not None], joined)
        symbols = count(len({pull.symbol for pull in fit}), "other symbol")
        run.tell(f"bars: what is fit of {symbols} is merged")


def mark_parts(
    run: Run, pull_id: int, joined: Mapping[str, Sequence[int]], state: PullState
) -> None:
    """Let the parts of a joined pull share what became of it, so that none of them is pending."""
    for part in joined.get(str(pull_id), ()):
        run.ports.warehouse.pulls.mark_pull(part, state, f"joined as pull {pull_id}")


def _tell_revisions(
    run: Run, pull: Pull, revisions: Sequence[Revision], ratios: npt.NDArray[np.float64]
) -> None:
    if ratios.size and revisions:
        sentence = (
            f"{pull.symbol}: the source has rebased or adjusted its prices by "
            f"{tell_ratios(ratios)}; all {len(pull.bars)} sessions held were replaced at once"
        )
        run.tell(sentence)
        run.record_event(
            catalogue.REBASED.key(symbol=pull.symbol, pull=f"(pull {pull.pull_id})"), sentence
        )
        return
    for revision in revisions[:REVISIONS_REPORTED]:
        run.tell(
            f"{revision.symbol} {revision.session}: {revision.column} revised from "
            f"{revision.old_value:g} to {revision.new_value:g}"
        )
    if len(revisions) > REVISIONS_REPORTED:
        run.tell(f"{pull.symbol}: {len(revisions) - REVISIONS_REPORTED} more values revised")
