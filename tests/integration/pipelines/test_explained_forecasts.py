"""Every issued forecast is explained; an image unlike any seen is withheld, and says so."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bar_files import write_bars
from factorprism.cli.explaining import print_explanations
from factorprism.core.errors import ArtefactError, QualityError
from factorprism.core.ledger import ForecastState
from factorprism.core.signals import find_signal
from factorprism.pipelines import Run, open_ports, run_pipeline
from factorprism.pipelines.explaining import load_training_data
from factorprism.views.image import Match, Scale, read_image
from factorprism.views.lineage import read_lineage

SESSION = date(2024, 7, 1)


def run_daily(place: Any, session: date = SESSION, **changes: Any) -> dict[str, Any]:
    config = place.config.with_changes(**changes)
    with open_ports(config) as ports:
        return run_pipeline("daily", Run(session, find_signal(config), config, ports))


def load(place: Any, session: date = SESSION) -> tuple[Any, Any]:
    """Return the last row of `session` and its explanation."""
    with open_ports(place.config) as ports:
        row = ports.warehouse.forecasts.load_forecasts("hs300-direction-14", session, session)[-1]
        key = (row.signal, row.session, row.model_id)
        return row, ports.warehouse.explanations.load_explanation(*key)


def fingerprints(place: Any) -> dict[str, str]:
    with open_ports(place.config) as ports:
        return ports.warehouse.fingerprints()


def require_reproduced(place: Any) -> None:
    """The pages take the row's hashes again from the warehouse and find the very same ones."""
    with open_ports(place.config) as ports:
        (line,) = ports.warehouse.forecasts.list_lines()
        image = read_image(ports.warehouse, place.config, line, SESSION)
        lineage = read_lineage(ports.warehouse, place.config, line, SESSION)
    assert image.match is Match.REPRODUCED
    assert image.picture.scale is Scale.MODEL
    assert all(held.picture.shape == (56, 16) for held in image.reasons.nearest_neighbours)
    assert lineage.matches == (Match.REPRODUCED,) * 3
    assert lineage.explained
    assert [gate.failed for gate in lineage.gates if gate.is_critical] == []


def test_an_issued_forecast_is_explained_and_a_second_run_changes_nothing(
    place: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_daily(place)
    row, explanation = load(place)
    assert row.state is ForecastState.ISSUED

    attribution, shapley = explanation.attribution, explanation.shapley
    logit = np.log(row.value("p_up_raw") / (1.0 - row.value("p_up_raw")))
    assert attribution["output"] == pytest.approx(logit, abs=1e-5)
    effect = shapley["output"] - shapley["median_output"]
    assert np.sum(shapley["values"]) == pytest.approx(effect, abs=1e-4)
    assert np.shape(shapley["values"]) == np.shape(explanation.surrogate["values"]) == (1, 4, 8)
    assert "r2" in explanation.surrogate["figures"]

    assert set(explanation.baselines) == {"logistic", "pca_logistic", "gradient_boosting"}
    for reasons in explanation.baselines.values():
        assert np.sum(reasons["values"]) == pytest.approx(
            reasons["score"] - reasons["expected"], abs=1e-3
        )

    stability = explanation.stability
    assert stability["seeds"] == [14, 15, 16]
    assert len(set(stability["outputs"])) == 3
    assert {"factor", "group", "day", "grad_cam", "shapley"} <= set(stability["agreement"])
    assert "channel" not in stability["agreement"]  # there is but one

    nearest_neighbours = explanation.nearest_neighbours
    assert not nearest_neighbours["novel"]
    assert len(nearest_neighbours["neighbours"]) == 5
    with open_ports(place.config) as ports:
        trained_through = ports.warehouse.models.load_model(row.model_id).trained_through
    ends = [date.fromisoformat(item["outcome_end"]) for item in nearest_neighbours["neighbours"]]
    assert max(ends) <= trained_through < SESSION

    before = fingerprints(place)
    run_daily(place)
    assert fingerprints(place) == before
    require_reproduced(place)

    for name, value in place.environ.items():
        monkeypatch.setenv(name, value)
    print_explanations(None, "", as_json=True)
    (printed,) = json.loads(capsys.readouterr().out)
    assert printed["nearest_neighbours"] == explanation.nearest_neighbours
    print_explanations(SESSION, "", as_json=False)
    printed = capsys.readouterr().out
    assert nearest_neighbours["neighbours"][4]["session"] in printed
    assert "gradient_boosting" in printed


def shocked(bars: pd.DataFrame) -> pd.DataFrame:
    """Return `bars` with a last stretch that never was: thirty falls in a row, volume in jerks.

    No bar of it is wrong by itself, so that the gate lets it pass.
    """
    bars = bars.copy()
    last, every_second = bars.index[-30:], np.arange(30) % 2
    for name in ("open", "high", "low", "close"):
        fall = np.cumprod(np.where(every_second, 0.95, 0.97))
        bars.loc[last, name] = bars.loc[last, name].to_numpy() * fall
    for name in ("volume_shares", "amount_cny"):
        jerk = np.where(every_second, 4.0, 0.8)
        bars.loc[last, name] = bars.loc[last, name].to_numpy() * jerk
    return bars


def test_an_image_unlike_any_seen_is_withheld_with_that_reason_and_still_explained(
    place: Any, tmp_path: Path
) -> None:
    with open_ports(place.config) as ports:
        (pull,) = ports.source.fetch_bars(["000300.SH"], date(2016, 1, 4), SESSION)
    folder = tmp_path / "files"
    write_bars(folder, shocked(pull.bars))

    with pytest.raises(QualityError, match="is unlike any that inception_tiny-") as caught:
        run_daily(place, source="files", files=folder)
    row, explanation = load(place)
    assert row.state is ForecastState.WITHHELD
    assert row.reason == caught.value.message
    nearest_neighbours = explanation.nearest_neighbours
    assert nearest_neighbours["novel"]
    assert nearest_neighbours["distance"] > nearest_neighbours["threshold"]
    assert f"lies {nearest_neighbours['distance']:.2f} away" in row.reason
    assert row.reason.count(". ") == 0


def test_a_forecast_that_cannot_be_explained_is_not_issued(place: Any) -> None:
    (images,) = (place.home / "artefacts" / "image-sets").glob("*.npz")
    images.unlink()
    with pytest.raises(ArtefactError, match="cannot be read"):
        run_daily(place)
    row, explanation = load(place)
    assert row.state is ForecastState.WITHHELD
    assert "image set" in row.reason
    assert explanation is None


def test_the_images_of_a_model_that_does_not_name_them_follow_from_the_warehouse(
    place: Any,
) -> None:
    with open_ports(place.config) as ports:
        (record,) = ports.warehouse.models.list_models("hs300-direction-14")
        run = Run(SESSION, find_signal(place.config), place.config, ports)
        named = load_training_data(run, record)
        spec = {name: held for name, held in record.spec.items() if name != "image_set_hash"}
        rebuilt = load_training_data(run, replace(record, spec=spec))
    assert named.image_set.cube.tobytes() == rebuilt.image_set.cube.tobytes()
    assert named.as_of == rebuilt.as_of < SESSION
