"""What a notebook reads of a real warehouse, as the role that may only read."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import factorprism as fp
from factorprism.core.calendar import calendar_of
from factorprism.core.config import Config
from factorprism.core.errors import WarehouseError
from factorprism.core.roles import OWNER, READER, WRITER
from factorprism.factors import CATALOGUE, catalogue_hash
from factorprism.frames.connecting import name_warehouse
from factorprism.warehouse import PostgresWarehouse

SIGNAL, OTHER, SYMBOL = "hs300-direction-14", "calm", "000300.SH"
SENTENCE_ALONE = date(2025, 11, 28)  # a contest whose tables were not kept
QUESTIONS = (
    "signals",
    "forecasts",
    "outcomes",
    "bars",
    "factors",
    "image",
    "explain",
    "neighbours",
    "contest",
    "trials",
    "walk_forward",
    "backtest",
)


@pytest.fixture
def rooms(world: Any) -> Iterator[PostgresWarehouse]:
    """The same warehouse as the steps of a run ask it."""
    with closing(PostgresWarehouse(world.url)) as warehouse:
        yield warehouse


# Who connects, and what is left behind


@pytest.mark.parametrize("role", [READER, WRITER, OWNER])
def test_whoever_is_logged_in_nothing_is_written(
    world: Any, rooms: PostgresWarehouse, postgres: Any, role: str
) -> None:
    before = rooms.fingerprint()
    with fp.connect(postgres.as_role(world.url, role), world.home) as prism:
        assert role in repr(prism)
        for name in QUESTIONS:
            getattr(prism, name)()
        (row,) = rooms.forecasts.load_forecasts(SIGNAL)[-1:]
        with pytest.raises(WarehouseError, match=r"read-only transaction|permission denied"):
            prism._warehouse.forecasts.append(replace(row, model_id="another"))
    assert rooms.fingerprint() == before


def test_no_file_is_written(reader_url: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with fp.connect(reader_url, home) as prism:
        prism.image()
        prism.explain()
    assert not home.exists()


def test_neither_tensorflow_nor_matplotlib_is_loaded(reader_url: str, tmp_path: Path) -> None:
    asked = "; ".join(f"prism.{name}()" for name in QUESTIONS)
    heavy = {"tensorflow", "keras", "matplotlib", "mlflow", "great_expectations", "tushare"}
    code = (
        f"import sys, factorprism as fp\nwith fp.connect({reader_url!r}, {str(tmp_path)!r}) as "
        f"prism: {asked}\nprint(sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_settings_count_and_what_is_given_counts_before_them(
    world: Any, reader_url: str, postgres: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FACTORPRISM_HOME", str(tmp_path))
    monkeypatch.setenv("FACTORPRISM_WAREHOUSE_URL", postgres.as_role(world.url, WRITER))
    with fp.connect() as prism:
        assert f"as {WRITER}>" in repr(prism)
    monkeypatch.setenv("FACTORPRISM_WAREHOUSE_READER_URL", reader_url)
    with fp.connect() as prism:
        assert f"as {READER}>" in repr(prism)
        assert prism.bars().shape == (2919, 8)
    with fp.connect(world.url) as prism:
        assert f"as {OWNER}>" in repr(prism)
    with pytest.raises(fp.ConfigurationError, match="it starts with mysql"):
        fp.connect("mysql://nobody@127.0.0.1/none")


def test_no_password_is_shown(prism: fp.Connection, reader_url: str) -> None:
    password = reader_url.split(":")[2].partition("@")[0]
    assert len(password) > 20
    assert password not in repr(prism)


def test_the_embedded_warehouse_is_found_by_its_home_and_read_as_its_reader(
    postgres: Any,
) -> None:
    named = name_warehouse(Config(home=postgres.server.home))
    assert named.reader_url == postgres.server.url(role=READER)
    # Its own database `prism` has no tables in this session; that is said by the server.
    with pytest.raises(WarehouseError, match="schema is absent or older") as caught:
        fp.connect(home=postgres.server.home)
    assert "factorprism services start" in caught.value.remedy


def test_a_warehouse_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(fp.ConfigurationError, match="no warehouse is named") as caught:
        fp.connect(home=tmp_path)
    assert "connect(url)" in caught.value.remedy
    (tmp_path / "postgres").mkdir()
    for name, text in (("port", "1"), ("password", "x"), ("password-reader", "x")):
        (tmp_path / "postgres" / name).write_text(text)
    with pytest.raises(fp.ConfigurationError, match="does not run") as caught:
        fp.connect(home=tmp_path)
    assert caught.value.remedy == "Start it: factorprism services start --only-warehouse."
    with pytest.raises(WarehouseError, match="cannot be reached"):
        fp.connect("postgresql://prism_reader:x@127.0.0.1:9/none", tmp_path)


def test_a_connection_that_was_closed_opens_anew(prism: fp.Connection) -> None:
    prism.close()
    assert len(prism.signals())


# Signals, forecasts, outcomes


def test_signals_are_what_the_ledger_holds(prism: fp.Connection) -> None:
    held = prism.signals()
    assert list(held.index) == [OTHER, SIGNAL]
    assert tuple(held.loc[SIGNAL, ["target", "issued", "withheld"]]) == ("direction", 594, 6)
    assert not held["retired"].any()


def test_forecasts_are_those_of_the_ledger(prism: fp.Connection, world: Any) -> None:
    held, line = prism.forecasts(), world.line
    assert held.index.is_unique
    issued = held[held["state"] == "issued"].loc[SYMBOL]
    drawn = pd.Series(line.values["p_up"], pd.DatetimeIndex(line.sessions.astype("datetime64[us]")))
    assert (issued["p_up"] == drawn[issued.index]).all()
    withheld = held[held["state"] == "withheld"]
    assert withheld["reason"].str.startswith("stale data").all()
    assert withheld[["p_up", "p_up_raw", "base_rate"]].isna().all(axis=None)
    assert (withheld["image_hash"] == "").all()


def test_the_last_word_is_shown_and_every_word_on_demand(prism: fp.Connection) -> None:
    last, words = prism.forecasts(OTHER), prism.forecasts(OTHER, every_word=True)
    assert list(last["state"]) == ["issued"] * 3
    assert list(last["sigma"]) == [0.04, 0.041, 0.042]
    assert list(words["state"]) == ["withheld", "issued", "issued", "issued"]
    assert list(words["word"]) == [1, 2, 1, 1]
    assert list(words["reason"]) == ["stale data", "", "", ""]
    assert last["late_by"].iloc[0] == timedelta(days=30, minutes=30)
    assert last["created_at"].iloc[0] == pd.Timestamp("2025-12-31 12:00", tz="UTC")


@pytest.mark.parametrize(
    "day",
    ["2025-06-03", date(2025, 6, 3), pd.Timestamp("2025-06-03 15:00"), np.datetime64("2025-06-03")],
)
def test_start_and_end_are_both_included_however_they_are_written(
    prism: fp.Connection, day: Any
) -> None:
    for name in ("forecasts", "outcomes"):
        days = getattr(prism, name)(start=day, end="2025-06-05").index.get_level_values("session")
        assert [str(one.date()) for one in days] == ["2025-06-03", "2025-06-04", "2025-06-05"]
        assert len(getattr(prism, name)(end=day)) + len(
            getattr(prism, name)(start="2025-06-04")
        ) == len(getattr(prism, name)())


def test_outcomes_stand_beside_what_was_issued(prism: fp.Connection, world: Any) -> None:
    held, line = prism.outcomes().loc[SYMBOL], world.line
    came = pd.Series(
        line.outcomes["forward_return"], pd.DatetimeIndex(line.sessions.astype("datetime64[us]"))
    )
    assert len(held) == 580
    assert (held["forward_return"] == came[held.index]).all()
    assert (held["value"] == (came[held.index] > 0)).all()
    assert (held["observed"] == held["value"]).all()
    calm = prism.outcomes(OTHER)
    np.testing.assert_allclose(calm["observed"], np.sqrt(np.exp(-6.4)))
    assert list(calm["sigma"]) == [0.04, 0.041, 0.042]


def test_frames_by_symbol_and_session_join(prism: fp.Connection) -> None:
    joined = prism.forecasts().join(prism.bars()["close"]).join(prism.factors()["rsi_14"])
    assert len(joined) == 600
    assert joined[["close", "rsi_14"]].notna().all(axis=None)


# Bars, factors, images


def test_bars_and_factors_are_those_of_the_rooms(
    prism: fp.Connection, rooms: PostgresWarehouse
) -> None:
    span = (date(2020, 1, 2), date(2020, 3, 31))
    bars, factors = prism.bars(SYMBOL, *span), prism.factors([SYMBOL, "000300"], *span)
    pd.testing.assert_frame_equal(bars.reset_index(), rooms.bars.load_bars([SYMBOL], *span))
    panel = rooms.factors.load_factors(SYMBOL, catalogue_hash(), *span)
    assert tuple(factors.columns) == panel.factors
    np.testing.assert_array_equal(factors.to_numpy(), panel.values)
    assert list(factors.index) == list(bars.index)


def test_bars_as_they_were_known_at_a_moment(prism: fp.Connection) -> None:
    assert not len(prism.bars(known_at="2020-01-01"))
    assert len(prism.bars(known_at=datetime.now().astimezone())) == len(prism.bars())


def test_an_image_is_the_factors_of_its_sessions(prism: fp.Connection) -> None:
    image = prism.image("2022-06-30")
    assert (image.session, image.signal, image.match) == (date(2022, 6, 30), SIGNAL, "unrecorded")
    assert image.values.shape == (56, len(CATALOGUE), 1)
    assert image.values.dtype == np.float32
    assert image.channels == (SYMBOL,)
    assert len(image.units) == len(image.factors)
    assert sorted(name for names in image.groups.values() for name in names) == sorted(
        image.factors
    )
    factors = prism.factors(SYMBOL, image.sessions[0], image.sessions[-1])
    np.testing.assert_array_equal(factors.to_numpy(), image.values[:, :, 0])
    flat = image.to_frame()
    assert str(flat.index[-1].date()) == "2022-06-30"
    pd.testing.assert_series_equal(
        flat[SYMBOL, "rsi_14"], factors.loc[SYMBOL]["rsi_14"], check_names=False, check_freq=False
    )
    assert image.scaled is not None
    np.testing.assert_array_equal(image.to_frame(scaled=True).to_numpy(), image.scaled[:, :, 0])


def test_the_newest_image_is_read_on_the_scale_of_its_model(prism: fp.Connection) -> None:
    image = prism.image()
    # The drawn ledger names other hashes than the factors have.
    assert (image.session, image.scale, image.match) == (date(2025, 12, 31), "model", "revised")
    assert len(image.image_hash) == 64


# Reasons and contests


def test_an_explanation_is_flat_and_keeps_every_figure(
    prism: fp.Connection, rooms: PostgresWarehouse
) -> None:
    flat = prism.explain()
    (session,) = set(flat.index.get_level_values("session"))
    (model,) = set(flat["model_id"])
    kept: Any = rooms.explanations.load_explanation(SIGNAL, session.date(), model)
    by_method = dict(list(flat.groupby(level="method", sort=False)))
    for kind in ("channel", "factor", "group", "day"):
        assert by_method[kind]["share"].tolist() == kept.attribution["values"][kind]
    assert by_method["factor"]["factor"].tolist() == kept.attribution["factors"]
    assert by_method["factor"]["agreement"].unique().tolist() == [0.31]
    blocks = by_method["day"][["first", "last"]].map(lambda day: str(day.date())).to_numpy()
    assert blocks.tolist() == kept.attribution["day_blocks"]
    for name in ("shapley", "surrogate"):
        held = np.asarray(getattr(kept, name)["values"])
        assert by_method[name]["share"].tolist() == held.ravel().tolist()
        first = by_method[name].iloc[held.shape[2]]  # the second group's first days
        assert first["group"] == kept.attribution["groups"][1]
        assert str(first["first"].date()) == kept.attribution["day_blocks"][0][0]
    logistic = np.asarray(kept.baselines["logistic"]["values"])
    assert by_method["logistic"]["share"].tolist() == logistic.ravel().tolist()
    assert list(by_method) == [
        "channel",
        "factor",
        "group",
        "day",
        "shapley",
        "surrogate",
        "logistic",
    ]


def test_neighbours_come_with_what_followed(prism: fp.Connection) -> None:
    near = prism.neighbours("2025-12-31")
    assert near["distance"].tolist() == [0.41, 0.72]
    assert near["forward_return"].tolist() == [0.031, -0.02]
    assert str(near["neighbour"].iloc[0].date()) == "2020-06-01"
    assert set(near.index) == {pd.Timestamp("2025-12-31")}


def test_the_contest_is_the_report_that_is_kept(
    prism: fp.Connection, rooms: PostgresWarehouse
) -> None:
    report: Any = rooms.contests.load_report(SIGNAL)
    figures, trials, results = prism.contest(), prism.trials(), prism.backtest()
    assert figures.loc[("logistic", "log_loss")].tolist() == [0.69, 0.68, 0.7, 0.69]
    assert trials.index.tolist() == [gain["name"] for gain in report.content["trials"]["gains"]]
    (rule,) = report.content["backtests"]
    assert results.loc[rule["rule"]].index.tolist() == [one["name"] for one in rule["results"]]
    for one in rule["results"]:
        kept = results.loc[rule["rule"], one["name"]]
        assert (kept["sharpe"], kept["excess_return"]) == (one["sharpe"], one["excess_return"][0])
    deflated = results["deflated"].dropna()
    assert deflated.tolist() == [rule["deflated"]]
    assert deflated.index.tolist() == [(rule["rule"], rule["best"])]
    for frame in (figures, trials, results):
        assert frame.attrs == {
            "signal": SIGNAL,
            "as_of": str(report.as_of),
            "sentence": report.sentence,
        }
    assert prism.contest(as_of=report.as_of).equals(figures)


def test_walk_forward_is_by_entrant_and_session(
    prism: fp.Connection, rooms: PostgresWarehouse
) -> None:
    held = rooms.contests.load_out_of_sample(SIGNAL)
    every = prism.walk_forward()
    assert set(every.index.get_level_values("entrant")) == set(held)
    alone = prism.walk_forward(entrant="logistic").loc["logistic"]
    assert alone["value.p_up"].tolist() == held["logistic"].columns["value.p_up"].tolist()
    assert every.loc["logistic"].equals(alone)


def test_a_signal_without_a_contest_has_no_walk_forward(prism: fp.Connection) -> None:
    empty = prism.walk_forward(OTHER)
    assert empty.index.names == ["entrant", "session"]
    assert not len(empty)


# What is asked for and is not there


@pytest.mark.parametrize(
    ("ask", "message", "remedy"),
    [
        (lambda p: p.forecasts("hs300-directon-14"), "no signal is called", f"Nearest: {SIGNAL}"),
        (lambda p: p.outcomes(start="June"), "start is 'June', which is no day", "2024-06-28"),
        (lambda p: p.bars(start=20240101), "start is 20240101", "2024-06-28"),
        (lambda p: p.bars(start=pd.NaT), "start is NaT", "2024-06-28"),
        (lambda p: p.bars(start="2024-02-01", end="2024-01-01"), "start is 2024-02-01", "earlier"),
        (lambda p: p.bars("000305.SH"), "no bars of '000305.SH'", f"Nearest: {SYMBOL}"),
        (lambda p: p.bars(known_at="noon"), "known_at is 'noon'", "2024-06-28T11:30"),
        (lambda p: p.factors(["000300.SZ"]), "no bars of '000300.SZ'", f"Nearest: {SYMBOL}"),
        (lambda p: p.image("2025-06-01"), "no image of hs300-direction-14 of 2025-06-01", "2014"),
        (lambda p: p.image(signal=OTHER), "signal 'calm' is not defined", "signals list"),
        (lambda p: p.explain("2025-11-08"), "of 2025-11-08 is explained", "Nearest: 2025-11-07, "),
        (
            lambda p: p.explain(signal=OTHER),
            "no forecast of calm is explained",
            f"daily --signal {OTHER}",
        ),
        (lambda p: p.contest(as_of="2025-01-01"), "as of 2025-01-01", "newest is as of 2025-12-11"),
        (lambda p: p.trials(OTHER), "no contest of calm was held", f"train --signal {OTHER}"),
        *(
            (ask, "the sentence alone was kept", f"--session {SENTENCE_ALONE}")
            for ask in (
                lambda p: p.contest(as_of=SENTENCE_ALONE),
                lambda p: p.trials(as_of=SENTENCE_ALONE),
            )
        ),
        (lambda p: p.walk_forward(entrant="logistics"), "called 'logistics'", "Nearest: logistic"),
        (lambda p: p.walk_forward(OTHER, "mlp"), "called 'mlp'", "factorprism train"),
    ],
)
def test_what_is_not_there_is_refused_with_the_nearest_that_is(
    prism: fp.Connection, ask: Any, message: str, remedy: str
) -> None:
    with pytest.raises(fp.ConfigurationError) as caught:
        ask(prism)
    assert message in caught.value.message
    assert remedy in caught.value.remedy


def test_an_empty_warehouse_answers_with_frames_without_rows(
    migrated_url: str, tmp_path: Path
) -> None:
    with fp.connect(migrated_url, tmp_path) as prism:
        assert not len(prism.signals())
        assert not len(prism.forecasts())
        assert not len(prism.outcomes())
        for name in ("image", "explain", "contest"):
            with pytest.raises(fp.ConfigurationError):
                getattr(prism, name)()
        with pytest.raises(fp.ConfigurationError, match="no bars") as caught:
            prism.bars()
        assert caught.value.remedy == "Load a history: factorprism backfill."


def test_a_retired_signal_is_read_by_its_name_alone(
    reader_url: str, tmp_path: Path, world: Any
) -> None:
    (tmp_path / "signals.toml").write_text(f"[{SIGNAL}]\nretired = 2025-12-31\n")
    with fp.connect(reader_url, tmp_path) as prism:
        assert prism.signals()["retired"].to_dict() == {OTHER: False, SIGNAL: True}
        assert set(prism.forecasts()["signal"]) == {OTHER}
        assert len(prism.forecasts(SIGNAL)) == 600


def test_days_beyond_the_calendar_library_are_known(prism: fp.Connection, end_library: Any) -> None:
    end_library(date(2025, 9, 30))
    assert prism.image("2025-12-31").sessions[-1] == np.datetime64("2025-12-31")
    assert calendar_of(SYMBOL).is_session(date(2025, 12, 31))
