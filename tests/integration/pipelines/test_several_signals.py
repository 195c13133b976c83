"""Several signals in one warehouse: two universes of one symbol, other look-backs and horizons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from factorprism.core.errors import FactorPrismError
from factorprism.core.ledger import Forecast, ForecastState
from factorprism.core.signals import add_signal, find_signal
from factorprism.pipelines import Run, open_ports, run_pipeline
from factorprism.warehouse import PostgresWarehouse
from worlds import FOUR_YEARS, SMALL, SMALL_AS_OF, SMALL_EVENING, Place, Recipe, World, copy_world

HS300, IMAGE4 = "hs300-direction-14", "image4-direction-14"
BEFORE_THE_CHAMPION, SESSION = date(2024, 6, 27), date(2024, 7, 1)


def run_evening(place: Place, session: date, *signals: str) -> None:
    """Run the evening of each signal; what withholds a forecast stands in its row."""
    with open_ports(place.config) as ports:
        for name in signals:
            run = Run(session, find_signal(place.config, name), place.config, ports)
            with suppress(FactorPrismError):
                run_pipeline("daily", run)


def read_rows(place: Place) -> dict[str, list[Forecast]]:
    with closing(PostgresWarehouse(place.config.warehouse_url)) as warehouse:
        rows = warehouse.forecasts.load_forecasts()
    return {name: [row for row in rows if row.signal == name] for name in (HS300, IMAGE4)}


@pytest.mark.parametrize("order", [(HS300, IMAGE4), (IMAGE4, HS300)], ids=lambda names: names[0])
def test_two_universes_of_one_symbol_keep_their_rows_and_reasons(
    place: Place, order: tuple[str, str]
) -> None:
    run_evening(place, BEFORE_THE_CHAMPION, *order)
    withheld = read_rows(place)
    for name, universe in ((HS300, "hs300"), (IMAGE4, "image4")):
        (row,) = withheld[name]
        assert (row.symbol, row.universe) == ("000300.SH", universe)
        assert row.state is ForecastState.WITHHELD
    assert "no champion in force" in withheld[HS300][0].reason
    # The sample has none of the indices that are laid over it.
    assert "000905.SH" in withheld[IMAGE4][0].reason

    run_evening(place, BEFORE_THE_CHAMPION, *order)
    run_evening(place, SESSION, *order)
    rows = read_rows(place)
    for name in order:
        assert rows[name][0] == withheld[name][0]
    assert [row.state for row in rows[HS300]] == [ForecastState.WITHHELD, ForecastState.ISSUED]
    assert [row.state for row in rows[IMAGE4]] == [ForecastState.WITHHELD] * 2


LOOKBACK, HORIZON, NAME = 20, 5, "hs300-direction-5"


@pytest.fixture(scope="module")
def shorter(
    postgres: Any,
    open_world: Callable[[Recipe], World],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Place]:
    """A house whose signal has its own horizon and look-back, after a week and six evenings."""
    place = copy_world(
        postgres, open_world(FOUR_YEARS), tmp_path_factory.mktemp("shorter"), **SMALL
    )
    add_signal(
        place.config,
        NAME,
        universe="hs300",
        target="direction",
        horizon=HORIZON,
        lookback=LOOKBACK,
    )
    with open_ports(place.config) as ports:
        run = Run(SMALL_AS_OF, find_signal(place.config, NAME), place.config, ports)
        run_pipeline("weekly", run, {"contest": "quick"})
        for session in (SMALL_EVENING, run.calendar.offset(SMALL_EVENING, HORIZON)):
            run_pipeline("daily", replace(run, session=session))
    yield place
    postgres.drop_database(place.owner_url)


@pytest.fixture
def warehouse(shorter: Place) -> Iterator[PostgresWarehouse]:
    with closing(PostgresWarehouse(shorter.config.warehouse_url)) as opened:
        yield opened


def test_a_model_is_trained_for_the_signals_own_horizon_and_look_back(
    shorter: Place, warehouse: PostgresWarehouse
) -> None:
    (record,) = warehouse.models.list_models(NAME)
    assert (record.horizon, record.lookback) == (HORIZON, LOOKBACK)
    assert record.spec["input_shape"][0] == LOOKBACK
    # Its last label is known at the session of the training, and no later one could be.
    calendar = shorter.config.calendar_of("000300.SH")
    assert calendar.offset(record.trained_through, HORIZON) <= SMALL_AS_OF
    assert [one.champion_id for one in warehouse.models.list_promotions(NAME)] == [record.model_id]


def test_the_forecast_ends_with_its_own_horizon_and_is_settled_then(
    shorter: Place, warehouse: PostgresWarehouse
) -> None:
    row = min(warehouse.forecasts.load_forecasts(), key=lambda row: row.session)
    calendar = shorter.config.calendar_of("000300.SH")
    end = calendar.offset(SMALL_EVENING, HORIZON)
    assert (row.signal, row.session, row.state) == (NAME, SMALL_EVENING, ForecastState.ISSUED)
    assert (row.horizon, row.horizon_end) == (HORIZON, end)
    outcomes = warehouse.forecasts.load_outcomes(NAME, "direction")
    closes = warehouse.bars.load_bars(["000300.SH"], SMALL_EVENING, end)["close"].to_numpy()
    assert len(closes) == HORIZON + 1
    assert outcomes["forward_return"].tolist() == pytest.approx([closes[-1] / closes[0] - 1.0])


def test_the_image_that_was_read_is_as_long_as_the_look_back(
    shorter: Place, warehouse: PostgresWarehouse
) -> None:
    (record,) = warehouse.models.list_models(NAME)
    explained = warehouse.explanations.load_explanation(NAME, SMALL_EVENING, record.model_id)
    assert explained is not None
    days = np.array(explained.attribution["day_blocks"], "datetime64[D]")
    window = shorter.config.calendar_of("000300.SH").sessions(*_span(days))
    assert len(window) == LOOKBACK


def _span(days: np.ndarray) -> tuple[date, date]:
    return days.min().astype(date), days.max().astype(date)


def test_the_default_signal_of_the_same_house_knows_nothing_of_it(
    shorter: Place, warehouse: PostgresWarehouse
) -> None:
    assert warehouse.models.list_models(HS300) == []
    default = find_signal(shorter.config)
    assert (default.name, default.horizon, default.lookback) == (HS300, 14, 56)
    assert Path(shorter.home / "signals.toml").read_text().count("[") == 1
