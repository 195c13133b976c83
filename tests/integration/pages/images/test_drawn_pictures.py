"""Each picture of `factorprism draw`: called for what it is of, and nothing else is written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _history import draw_explanation
from typer.testing import CliRunner, Result

from factorprism.cli.main import app
from factorprism.core.contest import ContestReport, FoldForecasts
from factorprism.core.models import TrainingSummary
from factorprism.targets.volatility import VOLATILITY
from ledger_rows import GIVEN

SESSION = date(2020, 12, 30)
MODEL, PARENT = "inception-000000000001", "inception-000000000000"
SIGNAL, RISK = "pair-direction-14", "pair-volatility-14"
AS_OF = date(2020, 12, 4)
ENTRANTS = ("base_rate", "logistic", "inception")
OF_RISK = (VOLATILITY.reference, "ridge", "inception")
PNG = b"\x89PNG"
OF_FORECAST = ("image", "attribution", "shares", "neighbours")

Draw = Callable[..., Result]


@pytest.fixture
def home(world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own over the world's warehouse."""
    own = (world.config.home / "universes.toml").read_text("utf-8")
    (tmp_path / "universes.toml").write_text(own, "utf-8")
    signal = f'[{RISK}]\nuniverse = "pair"\ntarget = "volatility"\nhorizon = 14\n'
    (tmp_path / "signals.toml").write_text(signal, "utf-8")
    monkeypatch.setenv("FACTORPRISM_HOME", str(tmp_path))
    monkeypatch.setenv("FACTORPRISM_UNIVERSE", "pair")
    monkeypatch.setenv("FACTORPRISM_WAREHOUSE_URL", world.config.warehouse_url)
    monkeypatch.setenv("FACTORPRISM_TRACKING_URL", world.config.warehouse_url)
    return tmp_path


@pytest.fixture
def draw(home: Path) -> Draw:
    def call(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["draw", *arguments])

    return call


@pytest.fixture
def contest(world: Any) -> ContestReport:
    """A quick contest of two folds over the world's bars, and its report."""
    days = world.run().calendar.sessions(date(2020, 1, 2), AS_OF)[:-14]
    random = np.random.default_rng(14)
    labels = (random.random(len(days)) < 0.55).astype(np.float64)
    for place, name in enumerate(ENTRANTS):
        spread = 0.05 * place * random.standard_normal(len(days))
        for number, rows in enumerate(np.array_split(np.arange(len(days)), 2)):
            columns = {
                "outcome.label": labels[rows],
                "value.p_up": np.clip(0.52 + spread, 0.01, 0.99)[rows],
                "base.p_up": np.full(len(rows), 0.52),
            }
            key = hashlib.sha256(f"{name} {number}".encode()).hexdigest()
            fold = FoldForecasts(key, SIGNAL, name, "", {}, days[rows], columns)
            world.warehouse.contests.save_fold(fold)
    report = build_report(SIGNAL, days)
    world.warehouse.contests.save_report(report)
    return report


def build_report(signal: str, days: Any, entrants: tuple[str, ...] = ENTRANTS) -> ContestReport:
    gains = [
        {"name": name, "value": -0.01, "lower": -0.02, "upper": 0.01 * place}
        | {"superior": False, "in_confidence_set": True}
        for place, name in enumerate(entrants[1:])
    ]
    content = {
        "target": signal.split("-")[1],
        "first": str(days[0]),
        "last": str(days[-1]),
        "n_sessions": len(days),
        "n_folds": 2,
        "independent_windows": len(days) // 14,
        "size": "quick",
        "leaks": [],
        "placebos": [],
        "backtests": [],
        "entrants": [{"entrant": name, "figures": {"log_loss": [0.69] * 4}} for name in entrants],
        "trials": {"n_tried": 2, "base_in_confidence_set": True, "gains": gains},
    }
    return ContestReport(signal, AS_OF, "0" * 64, "Nobody beats the base rate.", content)


def require_drawn(done: Result, home: Path, name: str) -> bytes:
    """Return the bytes of the picture `name`, whose path alone was printed."""
    path = home / "images" / name
    assert done.exit_code == 0, (done.output, done.exception)
    assert done.stdout == f"{path}\n"
    content = path.read_bytes()
    assert content.startswith(PNG)
    return content


def require_refused(done: Result, *words: str) -> None:
    error: Any = done.exception
    assert (done.exit_code, done.stdout) == (1, ""), done.output
    message = str(error)
    assert error.exit_code == 2
    assert len(message.splitlines()) == 2, message
    for word in words:
        assert word in message


@pytest.mark.parametrize("drawing", OF_FORECAST)
def test_a_picture_of_a_forecast_holds_signal_session_and_model_in_its_name(
    drawing: str, draw: Draw, home: Path, world: Any
) -> None:
    held = world.warehouse.fingerprints()
    name = f"{SIGNAL}-{SESSION}-{MODEL}-{drawing}.png"
    drawn = require_drawn(draw(drawing), home, name)
    assert require_drawn(draw(drawing, "--session", str(SESSION)), home, name) == drawn
    assert [path.name for path in (home / "images").iterdir()] == [name]
    assert world.warehouse.fingerprints() == held


def test_the_picture_goes_where_it_is_wanted(draw: Draw, home: Path) -> None:
    wanted = home / "deep" / "mine.png"
    assert draw("image", "--out", str(wanted)).stdout == f"{wanted}\n"
    assert wanted.read_bytes().startswith(PNG)
    assert not (home / "images").exists()
    refused = draw("image", "--out", str(home / "mine.jpg"))
    require_refused(refused, "a picture is a PNG", "ends in .png")


@pytest.mark.parametrize("drawing", OF_FORECAST)
def test_a_trial_of_another_model_leaves_the_issued_picture_as_it_is(
    drawing: str, draw: Draw, home: Path, world: Any
) -> None:
    issued = home / "images" / f"{SIGNAL}-{SESSION}-{MODEL}-{drawing}.png"
    require_drawn(draw(drawing), home, issued.name)
    before = (issued.read_bytes(), issued.stat().st_mtime_ns)

    ledger, reasons = world.warehouse.forecasts, world.warehouse.explanations
    row = next(iter(ledger.load_forecasts(SIGNAL, SESSION, SESSION)))
    values = {row.symbol: {**row.values[row.symbol], "p_up": 0.41}}
    ledger.append(replace(row, model_id=PARENT, values=values, **GIVEN))
    held = reasons.load_explanation(SIGNAL, SESSION, MODEL)
    reasons.save_explanation(replace(held, model_id=PARENT))

    require_drawn(
        draw(drawing, "--model", PARENT), home, f"{SIGNAL}-{SESSION}-{PARENT}-{drawing}.png"
    )
    assert (issued.read_bytes(), issued.stat().st_mtime_ns) == before


@pytest.mark.parametrize("drawing", OF_FORECAST)
def test_a_forecast_of_another_target_is_drawn(
    drawing: str, draw: Draw, home: Path, world: Any
) -> None:
    row = next(iter(world.warehouse.forecasts.load_forecasts(SIGNAL, SESSION, SESSION)))
    values = {row.symbol: dict.fromkeys(VOLATILITY.values, 0.2)}
    risk = replace(row, signal=RISK, target="volatility", values=values, **GIVEN)
    world.warehouse.forecasts.append(risk)
    world.warehouse.explanations.save_explanation(draw_explanation(risk, world.window()))
    name = f"{RISK}-{SESSION}-{MODEL}-{drawing}.png"
    require_drawn(draw(drawing, "--signal", RISK), home, name)


def test_a_model_that_forecasts_nothing_has_the_image_on_its_own_scale(
    draw: Draw, home: Path, world: Any
) -> None:
    champion = world.warehouse.models.load_training(MODEL)
    scale: Any = champion.normaliser
    wider = {**scale, "scale": (2.0 * np.array(scale["scale"])).tolist()}
    world.warehouse.models.save_training(TrainingSummary(PARENT, champion.epochs, wider))
    own = require_drawn(
        draw("image", "--model", PARENT), home, f"{SIGNAL}-{SESSION}-{PARENT}-image.png"
    )
    assert own != require_drawn(draw("image"), home, f"{SIGNAL}-{SESSION}-{MODEL}-image.png")


def test_what_is_not_there_is_refused_with_what_is(draw: Draw) -> None:
    require_refused(
        draw("shares", "--session", "2020-12-15"), "no row", "2020-12-01 and 2020-12-30"
    )
    require_refused(draw("image", "--session", "2020-12-27"), "XSHG does not trade", "2020-12-25")
    require_refused(
        draw("attribution", "--session", "2020-12-01"), f"newest explained one is of {SESSION}"
    )
    require_refused(draw("shares", "--model", PARENT), "no explained forecast", MODEL)
    require_refused(draw("contest"), "no contest", "factorprism train")
    require_refused(draw("contest", "--model", MODEL), "takes no --model", "--session")
    require_refused(draw("training", "--session", str(SESSION)), "takes no --session", "--model")
    require_refused(draw("training", "--model", "nobody"), "nobody is no model")
    require_refused(draw("training", "--model", PARENT), "left no curves", "models list")
    require_refused(draw("image", "--signal", RISK), "no forecasts of signal", SIGNAL)
    require_refused(draw("training", "--signal", RISK), f"no model of {RISK}", "factorprism train")


def test_a_training_is_drawn_by_its_model(draw: Draw, home: Path) -> None:
    require_drawn(draw("training"), home, f"{SIGNAL}-2020-11-30-{MODEL}-training.png")


def test_a_contest_is_drawn_by_its_size_and_a_full_one_stays_beside_a_quick_one(
    draw: Draw, home: Path, world: Any, contest: ContestReport
) -> None:
    for drawing in ("contest", "backtest"):
        require_drawn(draw(drawing), home, f"{SIGNAL}-{AS_OF}-quick-{drawing}.png")
    of_network = require_drawn(
        draw("reliability"), home, f"{SIGNAL}-{AS_OF}-inception-reliability.png"
    )
    of_rule = require_drawn(
        draw("reliability", "--model", "logistic", "--session", str(AS_OF)),
        home,
        f"{SIGNAL}-{AS_OF}-logistic-reliability.png",
    )
    assert of_network != of_rule
    require_refused(draw("reliability", "--model", "luck"), "luck took no part", "logistic")
    require_refused(draw("contest", "--session", "2020-12-03"), f"newest is as of {AS_OF}")

    full = replace(contest, content={**contest.content, "size": "full"})
    world.warehouse.contests.save_report(full)
    before = (home / "images" / f"{SIGNAL}-{AS_OF}-quick-contest.png").stat().st_mtime_ns
    require_drawn(draw("contest"), home, f"{SIGNAL}-{AS_OF}-full-contest.png")
    after = (home / "images" / f"{SIGNAL}-{AS_OF}-quick-contest.png").stat().st_mtime_ns
    assert before == after


def test_a_contest_whose_folds_were_evaluated_anew_is_not_drawn_from_others(
    draw: Draw, world: Any, contest: ContestReport
) -> None:
    fewer = replace(contest, content={**contest.content, "n_sessions": 30})
    world.warehouse.contests.save_report(fewer)
    require_refused(draw("backtest"), "other folds have been evaluated", f"--session {AS_OF}")
    world.warehouse.contests.save_report(replace(contest, content={}))
    require_refused(draw("contest"), "the sentence alone was kept", f"--session {AS_OF}")
    printed = CliRunner().invoke(app, ["contest"])
    assert (printed.exit_code, printed.exception) == (0, None)
    assert printed.stdout.endswith(f"\n\n{contest.sentence}\n")


def test_the_page_of_a_contest_lies_beside_its_pictures(
    home: Path, contest: ContestReport, tmp_path: Path
) -> None:
    folder = tmp_path / "contest"
    done = CliRunner().invoke(app, ["contest", "--out", str(folder)])
    assert done.exit_code == 0, (done.output, done.exception)
    page = (folder / f"{SIGNAL}-{AS_OF}-quick-contest.md").read_text("utf-8")
    assert page.startswith(done.stdout)
    pictures = sorted(path.name for path in folder.glob("*.png"))
    assert len(pictures) == 3
    assert all(f"]({name})" in page for name in pictures)


def test_a_target_without_a_probability_has_the_drawings_that_it_has(
    draw: Draw, home: Path, world: Any, contest: ContestReport
) -> None:
    days = world.run().calendar.sessions(date(2020, 1, 2), AS_OF)[:-14]
    for name in OF_RISK:
        columns = {f"{part}.log_variance": np.zeros(len(days)) for part in ("value", "base")}
        columns["outcome.label"] = np.zeros(len(days))
        key = hashlib.sha256(f"{RISK} {name}".encode()).hexdigest()
        fold = FoldForecasts(key, RISK, name, "", {}, days, columns)
        world.warehouse.contests.save_fold(fold)
    world.warehouse.contests.save_report(build_report(RISK, days, OF_RISK))
    require_drawn(draw("contest", "--signal", RISK), home, f"{RISK}-{AS_OF}-quick-contest.png")
    for drawing in ("backtest", "reliability"):
        refused = draw(drawing, "--signal", RISK)
        require_refused(refused, "no probability of a rise", f"draw contest --signal {RISK}")
    done = CliRunner().invoke(app, ["contest", "--signal", RISK, "--out", str(home / "page")])
    assert done.exit_code == 0, (done.output, done.exception)
    assert len([*(home / "page").glob("*.png")]) == 1
