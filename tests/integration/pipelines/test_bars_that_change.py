"""Rows that are set aside and come back, revisions that reach far, and prices on a new base."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from factorprism.core.calendar import calendar_for, forget_extensions
from factorprism.core.config import Config
from factorprism.core.errors import QualityError
from factorprism.core.roles import WRITER
from factorprism.core.signals import SIGNALS_FILE, find_signal
from factorprism.factors import catalogue_hash
from factorprism.market.bars import PullState
from factorprism.pipelines import Run, _set_aside, open_ports, run_pipeline
from factorprism.pipelines.accepting import accept_finding
from factorprism.pipelines.bars import gate_bars, merge_bars, pull_bars
from factorprism.sources import SampleSource, _pace
from factorprism.warehouse import PostgresWarehouse
from protocol.vendor import serve, table_of

SYMBOL = "000300.SH"
TOKEN = "tok-of-bars-that-change"
FIRST, HELD_TO, SESSION = date(2019, 1, 2), date(2020, 12, 30), date(2020, 12, 31)
PRICES = ("open", "high", "low", "close")
Adjust = Callable[[float, int], float]  # of a price, and its place before the last session


@pytest.fixture(scope="session")
def served() -> pd.DataFrame:
    (pull,) = SampleSource().fetch_bars([SYMBOL], FIRST, SESSION)
    return table_of(pull.bars)


class House:
    """A warehouse, and the vendor that fills it."""

    def __init__(self, server: Any, served: pd.DataFrame, warehouse: Any, config: Config) -> None:
        self.server, self.served, self.warehouse, self.config = server, served, warehouse, config
        self.reported: list[str] = []

    def backfill(self, first: date = FIRST, last: date = HELD_TO, **changes: Any) -> None:
        config = self.config.with_changes(**changes)
        with open_ports(config) as ports:
            options = {"first": first.isoformat(), "last": last.isoformat()}
            run_pipeline(
                "backfill",
                Run(last, find_signal(config), config, ports, self.reported.append),
                options,
            )

    def evening(self, session: date = SESSION, **changes: Any) -> None:
        """Run the daily steps through the merge."""
        config = self.config.with_changes(**changes)
        with open_ports(config) as ports:
            run = Run(session, find_signal(config), config, ports, self.reported.append)
            context: dict[str, Any] = {}
            for step in (pull_bars, gate_bars, merge_bars):
                context |= step(run, context)

    def scale(self, factor: float) -> None:
        self.adjust(lambda price, _: factor * price)

    def adjust(self, change: Adjust) -> None:
        """Let the vendor give every price as `change` makes it."""
        rows = self.served.to_dict("records")
        for place, row in enumerate(rows):
            back, before = len(rows) - 1 - place, rows[max(place - 1, 0)]
            values = {name: round(change(float(row[name]), back), 4) for name in PRICES}
            values["pre_close"] = round(change(float(before["close"]), back + 1), 4)
            values["pct_chg"] = round(100.0 * (values["close"] / values["pre_close"] - 1.0), 4)
            self.server.revise(SYMBOL, str(row["trade_date"]).replace("-", ""), **values)

    def closes(self, change: Adjust) -> list[float]:
        """Return all closes as `adjust` lets the vendor give them."""
        backs = range(len(self.served) - 1, -1, -1)
        return [
            change(close, back) for close, back in zip(self.served["close"], backs, strict=True)
        ]

    def bars(self) -> pd.DataFrame:
        bars: pd.DataFrame = self.warehouse.bars.load_bars([SYMBOL], FIRST, SESSION)
        return bars.set_index(bars["session"].dt.date)

    def set_aside(self) -> list[date]:
        return [row.session for row in self.warehouse.findings.list_set_aside([SYMBOL])]

    def day(self, back: int) -> date:
        """Return the session so many before the last."""
        return date.fromisoformat(self.served["trade_date"].iloc[-1 - back])

    def break_low(self, day: date) -> None:
        """Let the low lie half-way up from the body's lower end to the high."""
        row = self.row(day)
        low = round((min(row["open"], row["close"]) + row["high"]) / 2.0, 4)
        self.server.revise(SYMBOL, f"{day:%Y%m%d}", low=low)

    def row(self, day: date) -> Any:
        return self.served[self.served["trade_date"] == day.isoformat()].iloc[0]

    def fix(self, day: date) -> None:
        self.server.revise(SYMBOL, f"{day:%Y%m%d}", low=self.row(day)["low"])


@contextmanager
def open_house(served: pd.DataFrame, url: str, home: Path) -> Iterator[House]:
    home.mkdir()
    (home / SIGNALS_FILE).write_text("[hs300-direction-14]\nlookback = 5\n", "utf-8")
    with closing(PostgresWarehouse(url)) as warehouse, serve({SYMBOL: served}, TOKEN) as server:
        config = Config(
            home=home,
            warehouse_url=url,
            history_start=FIRST.isoformat(),
            universe_name="hs300",
            tushare_calls_per_minute=5000,
            **server.settings,
        )
        yield House(server, served, warehouse, config)


@pytest.fixture
def house(served: pd.DataFrame, migrated_url: str, tmp_path: Path) -> Iterator[House]:
    """A house that holds nothing yet."""
    with open_house(served, migrated_url, tmp_path / "home") as opened:
        yield opened


@pytest.fixture(scope="module")
def backfilled(
    postgres: Any,
    migrated_template: str,
    served: pd.DataFrame,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The name of a database that holds what a backfill leaves; to be copied."""
    owner_url = postgres.new_database(migrated_template)
    home = tmp_path_factory.mktemp("backfilled") / "home"
    with open_house(served, postgres.as_role(owner_url, WRITER), home) as opened:
        opened.backfill()
    yield owner_url.rsplit("/", 1)[1]
    postgres.drop_database(owner_url)


@pytest.fixture
def held_house(
    postgres: Any, backfilled: str, served: pd.DataFrame, tmp_path: Path
) -> Iterator[House]:
    """A house that holds all sessions through `HELD_TO`."""
    owner_url = postgres.new_database(backfilled)
    with open_house(served, postgres.as_role(owner_url, WRITER), tmp_path / "home") as opened:
        yield opened
    postgres.drop_database(owner_url)


def test_a_fault_of_one_cell_does_not_refuse_a_history_and_is_asked_for_again(
    house: House,
) -> None:
    old, odd = house.day(400), house.day(300)
    house.break_low(old)
    house.server.drop(SYMBOL, f"{odd:%Y%m%d}", f"{odd:%Y%m%d}")
    house.backfill()
    bars = house.bars()
    assert len(bars) == len(house.served) - 1 - 2
    assert old not in bars.index
    assert house.set_aside() == [odd, old]
    assert any("rows set aside: 000300.SH: low lies above" in line for line in house.reported)

    house.evening()  # the rows are far from what the forecast needs, and still wrong
    assert house.bars().index[-1] == SESSION
    assert house.set_aside() == [odd, old]

    house.fix(old)
    house.evening()
    assert house.bars()["low"][old] == pytest.approx(house.row(old)["low"])
    assert house.set_aside() == [odd]


def test_a_row_that_the_forecast_needs_stops_the_evening_and_the_rest_goes_in(
    house: House,
) -> None:
    house.backfill(last=house.day(3))
    faulty = house.day(1)
    house.break_low(faulty)
    with pytest.raises(QualityError) as caught:
        house.evening()
    assert str(faulty) in caught.value.message
    assert SESSION in house.bars().index
    assert faulty not in house.bars().index

    (row,) = house.warehouse.findings.list_set_aside([SYMBOL])
    assert row.finding_id in caught.value.message
    assert f"factorprism quality accept {row.finding_id} --because" in caught.value.remedy
    accept_finding(house.warehouse.findings, row.finding_id, "mei", "the exchange says so")
    house.evening()
    assert house.bars()["low"][faulty] > house.row(faulty)["low"]
    assert house.set_aside() == []


def test_beyond_the_known_end_a_row_that_was_set_aside_is_a_session_still(
    house: House, end_library: Callable[[date], None]
) -> None:
    end_library(house.day(10))
    house.backfill(last=house.day(3))
    faulty = house.day(1)
    house.break_low(faulty)
    with pytest.raises(QualityError):
        house.evening()
    assert calendar_for("XSHG").known_through == SESSION
    assert calendar_for("XSHG").offset(faulty, 1) == SESSION
    forget_extensions()  # as in the process of the next evening

    house.fix(faulty)
    house.evening()
    assert faulty in house.bars().index
    assert house.set_aside() == []


def test_one_faulty_day_does_not_stop_a_universe_for_ever(house: House) -> None:
    # The day is never fixed; once it lies before all that a forecast needs, the evenings go on.
    faulty = house.day(60)
    house.break_low(faulty)
    house.backfill(last=house.day(61))
    with pytest.raises(QualityError):
        house.evening(faulty)
    stopped = house.day(40)
    with pytest.raises(QualityError, match="needs 1 row set aside"):
        house.evening(stopped)
    assert stopped in house.bars().index  # what is sound is held all along
    house.evening()
    assert house.bars().index[-1] == SESSION
    assert house.set_aside() == [faulty]


def test_too_many_faulty_rows_refuse_the_pull_as_a_whole(house: House) -> None:
    for back in range(100, 400, 6):
        house.break_low(house.day(back))
    with pytest.raises(QualityError, match=r"\d\d of \d{3} rows from .* have critical faults"):
        house.backfill()
    assert house.bars().empty
    counts = house.warehouse.pulls.count_pulls([SYMBOL])
    assert set(counts) == {PullState.QUARANTINED}
    house.backfill(set_aside_ratio_max=0.2)
    assert len(house.set_aside()) == 50


def test_a_zero_volume_is_held_as_missing(house: House) -> None:
    day = house.day(50)
    house.server.revise(SYMBOL, f"{day:%Y%m%d}", vol=0.0)
    house.backfill()
    assert house.bars()["volume_shares"].isna().sum() == 1
    panel = house.warehouse.factors.load_factors(SYMBOL, catalogue_hash(), day, day)
    assert np.isnan(panel.values).all()


def test_a_revision_at_the_oldest_session_is_followed_back_until_one_agrees(
    held_house: House,
) -> None:
    for back in range(15, 31):
        day = held_house.day(back)
        amount = held_house.row(day)["amount"] / 1000.0  # the vendor's thousands
        held_house.server.revise(SYMBOL, f"{day:%Y%m%d}", amount=1.01 * amount)
    asked = len(held_house.server.requests)
    held_house.evening()
    bars = held_house.bars()["amount_cny"]
    for back in range(31):
        factor = 1.01 if back >= 15 else 1.0
        amount = factor * held_house.row(held_house.day(back))["amount"]
        assert bars[held_house.day(back)] == pytest.approx(amount)
    starts = [
        request.params["start_date"]
        for request in held_house.server.requests[asked:]
        if "start_date" in request.params
    ]
    # Twenty sessions, then forty before them: the one before the revised block agrees.
    assert min(starts) == f"{held_house.day(60):%Y%m%d}"


def test_rebased_prices_replace_the_history_at_once_and_no_reader_sees_two_bases(
    held_house: House,
) -> None:
    before = held_house.bars()["close"]
    held_house.scale(0.95)
    seen: set[tuple[float, ...]] = set()
    done = threading.Event()

    def read() -> None:
        store = PostgresWarehouse(held_house.config.warehouse_url)
        while not done.is_set():
            now = store.bars.load_bars([SYMBOL], FIRST, HELD_TO).set_index("session")["close"]
            ratio = now.to_numpy() / before.to_numpy()
            seen.add(tuple(np.unique(ratio.round(3))))
        store.close()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        held_house.evening()
    finally:
        done.set()
        reader.join()
    assert seen <= {(1.0,), (0.95,)}
    after = held_house.bars()["close"]
    assert (after[before.index] / before).to_numpy() == pytest.approx(0.95, abs=1e-6)
    assert any("rebased or adjusted its prices by 0.95" in line for line in held_house.reported)
    revisions = held_house.warehouse.bars.load_revisions(SYMBOL, FIRST, SESSION)
    assert revisions["revised_at"].nunique() == 1


def test_a_new_base_that_is_not_given_whole_is_refused_with_the_reason(held_house: House) -> None:
    before = held_house.bars()
    held_house.scale(0.95)
    held_house.server.drop(SYMBOL, "20190102", "20190331")
    with pytest.raises(QualityError, match=r"rebased or adjusted its prices by 0\.95"):
        held_house.evening()
    pd.testing.assert_frame_equal(held_house.bars(), before)


def test_a_backfill_of_a_part_does_not_lay_a_new_base_over_the_old(held_house: House) -> None:
    before = held_house.bars()
    held_house.scale(1.05)
    with pytest.raises(QualityError, match="a series of two bases is not held") as caught:
        held_house.backfill(held_house.day(100), held_house.day(50))
    assert f"factorprism backfill --start {FIRST}" in caught.value.remedy
    assert "--signal hs300-direction-14" in caught.value.remedy
    pd.testing.assert_frame_equal(held_house.bars(), before)
    held_house.backfill()
    assert (held_house.bars()["close"] / before["close"]).to_numpy() == pytest.approx(
        1.05, abs=1e-6
    )


def test_files_on_a_new_base_replace_the_history_too(house: House, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    path = folder / f"{SYMBOL}.csv"
    files = {"source": "files", "files": folder}
    held = house.served[house.served["trade_date"] <= HELD_TO.isoformat()]
    held.to_csv(path, index=False)
    house.evening(HELD_TO, **files)
    before = house.bars()["close"]
    moved = house.served.copy()
    moved[list(PRICES)] = (0.9 * moved[list(PRICES)]).round(4)
    moved.to_csv(path, index=False)
    house.evening(SESSION, **files)
    after = house.bars()["close"]
    assert after.index[-1] == SESSION
    assert (after[before.index] / before).to_numpy() == pytest.approx(0.9, abs=1e-6)


def test_one_session_on_a_new_base_is_not_laid_into_the_old(held_house: House) -> None:
    before = held_house.bars()
    held_house.scale(0.95)
    with pytest.raises(QualityError, match="a series of two bases is not held"):
        held_house.backfill(held_house.day(50), held_house.day(50))
    pd.testing.assert_frame_equal(held_house.bars(), before)


def test_a_range_beside_the_held_ones_is_not_laid_on_a_new_base(house: House) -> None:
    house.backfill(last=house.day(40))
    before = house.bars()
    house.scale(0.98)
    with pytest.raises(QualityError, match=r"prices by 0\.98, and .* two bases is not held"):
        house.backfill(house.day(39), house.day(20))
    pd.testing.assert_frame_equal(house.bars(), before)


ADJUSTMENTS: dict[str, Adjust] = {
    # The last dividend lies ten sessions back, so that the newest sessions stay as they were.
    "dividends by ratio": lambda price, back: price * 0.99 ** ((back + 49) // 60),
    "dividends by sum": lambda price, back: price - 40.0 * ((back + 49) // 60),
    "a ratio that steps at each session": lambda price, back: price * (1.0 - 2e-4 * back),
}


@pytest.mark.parametrize("name", ADJUSTMENTS)
def test_prices_that_are_adjusted_by_several_ratios_are_held_whole_or_not_at_all(
    held_house: House, name: str
) -> None:
    change = ADJUSTMENTS[name]
    before = held_house.bars()
    held_house.adjust(change)
    with pytest.raises(QualityError, match=r"prices by \S+ to \S+, and .* two bases"):
        held_house.backfill(held_house.day(300), held_house.day(100))
    pd.testing.assert_frame_equal(held_house.bars(), before)

    held_house.evening()
    assert held_house.bars()["close"].to_numpy() == pytest.approx(
        held_house.closes(change), abs=1e-4
    )
    revisions = held_house.warehouse.bars.load_revisions(SYMBOL, FIRST, SESSION)
    assert revisions["revised_at"].nunique() == 1
    assert any("rebased or adjusted its prices by" in line for line in held_house.reported)


@pytest.mark.parametrize("name", ADJUSTMENTS)
def test_adjusted_prices_that_are_not_given_whole_are_refused(held_house: House, name: str) -> None:
    before = held_house.bars()
    held_house.adjust(ADJUSTMENTS[name])
    held_house.server.drop(SYMBOL, "20190102", "20190331")
    with pytest.raises(QualityError, match="a series of two bases is not held"):
        held_house.evening()
    pd.testing.assert_frame_equal(held_house.bars(), before)


def test_a_new_base_is_seen_after_a_gap_longer_than_what_is_asked_for_again(
    house: House,
) -> None:
    house.backfill(last=house.day(45))
    house.scale(0.98)
    house.evening()
    expected = house.closes(lambda price, _: 0.98 * price)
    assert house.bars()["close"].to_numpy() == pytest.approx(expected, abs=1e-4)


def test_a_row_that_stood_aside_does_not_come_back_on_another_base(house: House) -> None:
    old = house.day(300)
    house.break_low(old)
    house.backfill()
    before = house.bars()

    def only_old(price: float, back: int) -> float:
        return 0.98 * price if back >= 100 else price

    house.adjust(only_old)  # the row too; what is asked for each evening is as it was
    with pytest.raises(QualityError, match="a series of two bases is not held"):
        house.evening()
    pd.testing.assert_frame_equal(house.bars(), before)
    house.backfill(last=SESSION)
    assert house.bars()["close"].to_numpy() == pytest.approx(house.closes(only_old), abs=1e-4)


def test_what_an_interrupted_backfill_has_kept_is_not_joined_with_a_new_base(
    house: House,
) -> None:
    with open_ports(house.config) as ports:
        options = {"first": FIRST.isoformat(), "last": house.day(200).isoformat()}
        pull_bars(
            Run(HELD_TO, find_signal(house.config), house.config, ports, house.reported.append),
            options,
        )
    house.scale(0.98)
    house.backfill(last=SESSION)
    expected = house.closes(lambda price, _: 0.98 * price)
    assert house.bars()["close"].to_numpy() == pytest.approx(expected, abs=1e-4)


def test_an_interrupted_backfill_goes_on_where_the_source_has_dropped_its_last_day(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped = house.day(200)
    with open_ports(house.config) as ports:
        options = {"first": FIRST.isoformat(), "last": dropped.isoformat()}
        pull_bars(
            Run(HELD_TO, find_signal(house.config), house.config, ports, house.reported.append),
            options,
        )
    house.server.drop(SYMBOL, f"{dropped:%Y%m%d}", f"{dropped:%Y%m%d}")
    monkeypatch.setattr(_pace, "FIRST_PAUSE_SECONDS", 0.0)
    house.backfill(last=SESSION)
    assert house.bars().index[0] == FIRST
    assert house.bars().index[-1] == SESSION
    assert dropped not in house.bars().index


def test_a_lone_row_in_another_unit_is_set_aside_and_stops_no_evening(held_house: House) -> None:
    before = held_house.bars()
    day = held_house.day(5)
    wrong = {name: 10.0 * float(held_house.row(day)[name]) for name in PRICES}
    held_house.server.revise(SYMBOL, f"{day:%Y%m%d}", **wrong)
    held_house.evening()
    assert held_house.bars()["close"][day] == before["close"][day]
    assert held_house.bars().index[-1] == SESSION
    assert held_house.set_aside() == [day]


def _write_files(held_house: House, folder: Path, *without: date) -> dict[str, Any]:
    """Write the bars but those of `without` into `folder`, and return the settings that read it."""
    folder.mkdir(exist_ok=True)
    left = held_house.served[
        ~held_house.served["trade_date"].isin([day.isoformat() for day in without])
    ]
    left.to_csv(folder / f"{SYMBOL}.csv", index=False)
    return {"source": "files", "files": folder}


def test_a_day_that_files_lack_is_asked_for_again_and_stops_no_evening(
    house: House, tmp_path: Path
) -> None:
    lacking = house.day(300)
    files = _write_files(house, tmp_path / "files", lacking)
    house.evening(house.day(1), **files)
    assert house.set_aside() == [lacking]
    house.evening(**files)
    assert house.bars().index[-1] == SESSION
    assert f"{SYMBOL}: the source still has no bar of {lacking} to {lacking}" in house.reported

    _write_files(house, tmp_path / "files")
    house.evening(**files)
    assert lacking in house.bars().index
    assert house.set_aside() == []


def test_a_row_on_a_day_without_trading_stops_no_evening_and_is_cleared_once_gone(
    house: House, tmp_path: Path
) -> None:
    saturday = date(2020, 12, 19)
    friday = house.row(saturday - timedelta(days=1)).to_dict()
    whole = house.served
    house.served = pd.concat(
        [whole, pd.DataFrame([{**friday, "trade_date": saturday.isoformat()}])], ignore_index=True
    ).sort_values("trade_date")
    files = _write_files(house, tmp_path / "files")
    house.evening(house.day(1), **files)
    assert house.set_aside() == [saturday]
    assert saturday not in house.bars().index
    house.evening(**files)
    assert house.set_aside() == [saturday]
    assert not any("still has no bar" in line for line in house.reported)

    house.served = whole
    _write_files(house, tmp_path / "files")
    house.evening(**files)
    assert house.set_aside() == []
    assert house.bars().index[-1] == SESSION


def test_more_rows_than_requests_are_asked_for_by_turns_and_accepted_ones_first(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_set_aside, "REQUESTS_MAX", 2)
    old = [house.day(back) for back in (400, 380, 360, 340, 320)]
    for day in old:
        house.break_low(day)
    house.backfill(last=house.day(3))
    row = house.warehouse.findings.list_set_aside([SYMBOL])[-2]
    accept_finding(house.warehouse.findings, row.finding_id, "mei", "the exchange says so")
    house.fix(old[0])
    for back in (2, 1, 0):
        asked = len(house.server.requests)
        house.evening(house.day(back))
        assert old[1] in house.bars().index
        starts = {
            request.params["start_date"]
            for request in house.server.requests[asked:]
            if "start_date" in request.params
        }
        assert len(starts) == 3
    assert house.set_aside() == [old[4], old[3], old[2]]


def test_a_faulty_row_before_the_window_does_not_speak_against_the_window(house: House) -> None:
    lone = house.day(20)  # the twenty sessions that are asked for again begin right behind it
    row = house.row(lone)
    wrong = {name: round(1.5 * float(row[name]), 4) for name in PRICES}
    house.server.revise(SYMBOL, f"{lone:%Y%m%d}", **wrong)
    house.backfill()
    assert lone in house.set_aside()
    with pytest.raises(QualityError, match="needs 1 row set aside"):
        house.evening(repull_sessions=19)
    assert house.bars().index[-1] == SESSION
    assert house.set_aside() == [lone]


def test_the_parts_of_a_rebased_history_are_not_pending_once_it_is_merged(
    held_house: House,
) -> None:
    held_house.scale(0.95)
    pulls = held_house.warehouse.pulls
    config = held_house.config
    with open_ports(config) as ports:
        run = Run(HELD_TO, find_signal(config), config, ports, held_house.reported.append)
        parts = []
        for first, last in ((FIRST, date(2019, 12, 31)), (date(2020, 1, 1), HELD_TO)):
            (pull,) = ports.source.fetch_bars([SYMBOL], first, last)
            parts.append(pulls.save_pull(pull))
        context: dict[str, Any] = {"pull_ids": parts, "first": FIRST.isoformat()}
        context |= gate_bars(run, context)
        merge_bars(run, context)
    assert pulls.pending_pulls("tushare", SYMBOL) == []
    newest, *before = pulls.list_pulls([SYMBOL], 3)
    assert [one.reason for one in before] == [f"joined as pull {newest.pull_id}"] * 2


def test_a_pull_that_is_refused_for_its_base_leaves_no_row_aside(held_house: House) -> None:
    held_house.scale(0.95)
    # One price on the old base hides the new one, until its row is left out.
    odd = held_house.day(60)
    row = held_house.row(odd)
    values = {name: round(0.95 * float(row[name]), 4) for name in PRICES}
    held_house.server.revise(SYMBOL, f"{odd:%Y%m%d}", **{**values, "low": float(row["low"])})
    with pytest.raises(QualityError, match="a series of two bases is not held"):
        held_house.backfill(FIRST, held_house.day(50))
    assert held_house.set_aside() == []
