"""What the checks of `health` are asked about, taken from a run."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from factorprism.core.calendar import exchange_of
from factorprism.health import Subject
from factorprism.pipelines._run import Run
from factorprism.pipelines.champions import load_verified
from factorprism.pipelines.history import align_history


def subject_of(run: Run, now: datetime) -> Subject:
    """Return what checks are given at `now` (naive, UTC): the run's session, signal and ports."""
    return Subject(
        config=run.config,
        ports=run.ports,
        now=now,
        session=run.session,
        signal=run.signal,
        exchange=exchange_of(run.signal.symbol),
        load_images=lambda signal, session: align_history(
            replace(run, signal=signal, session=session)
        ),
        verify_model=lambda signal, model_id: load_verified(replace(run, signal=signal), model_id),
    )
