"""Cut the future off at ten random sessions: factors, image and forecast keep every byte."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import numpy as np

from factorprism.core.signals import find_signal
from factorprism.factors import compute_factors
from factorprism.forecasts import encode_window, predict_window
from factorprism.images import align_panels
from factorprism.market.panels import ImageSet
from factorprism.pipelines import Run, open_ports
from factorprism.pipelines.champions import champion_at, load_verified
from factorprism.warehouse import PostgresWarehouse


def _image_set(bars: Any, config: Any) -> ImageSet:
    panel = compute_factors(bars)
    return align_panels([panel], config.universe, find_signal(config).lookback)


def test_the_future_changes_no_byte_of_factors_images_and_forecasts(place: Any) -> None:
    with open_ports(place.config) as ports:
        (pull,) = ports.source.fetch_bars(["000300.SH"], date(2006, 1, 6), date(2025, 12, 31))
        run = Run(date(2025, 12, 31), find_signal(place.config), place.config, ports)
        champion = champion_at(run, run.session)
        assert champion is not None
        record, bundle = load_verified(run, champion)
        calendar = run.calendar
    full = _image_set(pull.bars, place.config)
    after = [day for day in full.sessions.tolist() if day > record.trained_through][:-1]
    for session in random.Random(2025).sample(after, 10):
        known = pull.bars[pull.bars["session"] <= np.datetime64(session)]
        cut = _image_set(known, place.config)
        assert full.cube[: len(cut.cube)].tobytes() == cut.cube.tobytes()
        rows = [
            predict_window(
                encode_window(image_set, session),
                bundle,
                record,
                horizon_end=calendar.offset(session, 14),
                data_hash="",
            )
            for image_set in (full, cut)
        ]
        assert rows[0] == rows[1]


def test_a_later_revision_leaves_the_bars_behind_a_forecast_readable(place: Any) -> None:
    warehouse = PostgresWarehouse(place.config.warehouse_url)
    day = date(2024, 6, 27)
    bars = warehouse.bars.load_bars(["000300.SH"], day, day)
    with open_ports(place.config) as ports:
        (pull,) = ports.source.fetch_bars(["000300.SH"], day, day)
    pull.bars["close"] += 1.0
    pull_id = warehouse.pulls.save_pull(pull)
    result = warehouse.bars.merge_bars(pull.bars, pull_id)
    assert [revision.column for revision in result.revisions] == ["close"]
    (revised,) = warehouse.bars.load_revisions("000300.SH", day, day)["revised_at"]
    before = warehouse.bars.load_bars(
        ["000300.SH"], day, day, known_at=revised.to_pydatetime().replace(microsecond=0)
    )
    warehouse.close()
    assert before.empty or before["close"].tolist() == bars["close"].tolist()
