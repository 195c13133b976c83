"""Windows: the right sessions, the missing cells by name, and no model from the future."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from factorprism.core.errors import ArtefactError, LookAheadError
from factorprism.core.models import ModelRecord
from factorprism.forecasts import ImageWindow, encode_window, predict_window
from factorprism.market.panels import ImageSet
from ledger_rows import make_record

DAYS = np.arange("2025-01-01", "2025-01-11", dtype="datetime64[D]")


def _image_set() -> ImageSet:
    cube = np.arange(10 * 2 * 1, dtype=np.float32).reshape(10, 2, 1)
    return ImageSet(("T.SH",), ("roc", "rsi"), DAYS, cube, lookback=4)


def _record(window: ImageWindow) -> ModelRecord:
    return make_record(
        lookback=4,
        channels=window.channels,
        factors=window.factors,
        trained_through=date(2024, 12, 31),
    )


def test_a_window_ends_at_its_session_and_reads_nothing_after_it() -> None:
    window = encode_window(_image_set(), date(2025, 1, 6))
    assert window.sessions.tolist() == DAYS[2:6].tolist()
    assert window.values[-1, 0, 0] == 10.0
    changed = _image_set()
    changed.cube[6:] = np.nan
    assert encode_window(changed, date(2025, 1, 6)).factor_hash == window.factor_hash


@pytest.mark.parametrize("session", [date(2025, 1, 3), date(2025, 2, 1), date(2024, 1, 1)])
def test_a_session_without_a_full_window_is_refused(session: date) -> None:
    with pytest.raises(ValueError, match="no full window"):
        encode_window(_image_set(), session)


def test_missing_cells_are_counted_by_channel_and_factor() -> None:
    image_set = _image_set()
    image_set.cube[4:6, 1, 0] = np.nan
    assert encode_window(image_set, date(2025, 1, 6)).missing_cells == {"T.SH rsi": 2}


def test_a_model_trained_after_the_session_is_a_look_ahead() -> None:
    window = encode_window(_image_set(), date(2025, 1, 6))
    record = replace(_record(window), trained_through=date(2025, 1, 7))
    with pytest.raises(LookAheadError, match="2025-01-07"):
        predict_window(window, None, record, horizon_end=date(2025, 2, 1), data_hash="")  # type: ignore[arg-type]


def test_a_model_of_another_universe_is_refused() -> None:
    window = encode_window(_image_set(), date(2025, 1, 6))
    record = replace(_record(window), channels=("OTHER.SH",))
    with pytest.raises(ArtefactError, match=r"OTHER\.SH"):
        predict_window(window, None, record, horizon_end=date(2025, 2, 1), data_hash="")  # type: ignore[arg-type]
