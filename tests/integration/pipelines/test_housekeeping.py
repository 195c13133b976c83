"""Housekeeping on real stores: what goes, what never goes, and what is found missing."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from factorprism.core.calendar import calendar_of
from factorprism.core.config import Config
from factorprism.core.errors import ArtefactError, WarehouseError
from factorprism.core.signals import find_signal
from factorprism.images import hash_image_set
from factorprism.market.bars import Pull, PullState, make_bars
from factorprism.market.panels import ImageSet
from factorprism.pipelines import Ports, Run, open_ports, run_pipeline
from factorprism.pipelines import housekeeping as steps
from factorprism.pipelines._image_sets import save_image_set
from factorprism.pipelines._retention import carry_out, plan_removals
from ledger_rows import make_promotion, make_record, make_withheld

SESSION = date(2025, 12, 31)
LATER = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1000)


@dataclass
class House:
    """A warehouse, a registry and a home of the test's own; `reported` is what the steps said."""

    config: Config
    ports: Ports
    scratch: Path
    reported: list[str] = field(default_factory=list)

    @property
    def run(self) -> Run:
        return Run(SESSION, find_signal(self.config), self.config, self.ports, self.reported.append)

    @property
    def warehouse(self) -> Any:
        return self.ports.warehouse

    def train(self, word: str) -> str:
        """Register and record a model whose weights are `word`; return its id."""
        files = {"model.keras": word.encode()}
        digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        manifest = json.dumps(digests).encode()
        folder = self.scratch / word
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in {**files, "MANIFEST.json": manifest}.items():
            (folder / name).write_bytes(data)
        record = make_record(word, artefact_hash=hashlib.sha256(manifest).hexdigest())
        self.ports.registry.log_training(record, folder, (), ())
        self.warehouse.models.save_model(record)
        return word

    def promote(self, candidate: str, champion: str, number: int = 0) -> None:
        self.warehouse.models.append_promotion(
            make_promotion(
                candidate,
                as_of=SESSION,
                champion_id=champion,
                promoted=candidate == champion,
                number=number,
            )
        )

    def forecast(self, model_id: str) -> None:
        self.warehouse.forecasts.append(make_withheld(SESSION, model_id=model_id))

    def save_pull(self) -> int:
        days = calendar_of("000300.SH").session_days[-30:]
        values = dict.fromkeys(("open", "high", "low", "close"), 100.0)
        frame = pd.DataFrame({"symbol": "000300.SH", "session": days.astype("datetime64[us]")})
        bars = make_bars(frame.assign(**values, volume_shares=1.0))
        first, last = days[0].astype(date), days[-1].astype(date)
        pull = Pull("sample", "000300.SH", first, last, bars, datetime(2026, 1, 1))
        return int(self.warehouse.pulls.save_pull(pull))

    def save_images(self) -> str:
        """Record a small image set and return its place."""
        days = calendar_of("000300.SH").session_days[-60:]
        cube = np.zeros((60, 1, 1), np.float32)
        images = ImageSet(("000300.SH",), ("roc_12",), days, cube, 56)
        content = hash_image_set(images)
        store_path = save_image_set(images, content, self.config.artefacts_url)
        self.warehouse.models.save_image_set(content, "hs300", SESSION, SESSION, {}, store_path)
        return store_path

    def bundle_of(self, model_id: str) -> Path:
        return self.ports.registry.fetch_bundle(model_id)


@pytest.fixture
def house(migrated_url: str, tracking_url: str, tmp_path: Path) -> Iterator[House]:
    home = tmp_path / "home"
    home.mkdir()
    config = Config(home=home, warehouse_url=migrated_url, tracking_url=tracking_url)
    with open_ports(config) as ports:
        yield House(config, ports, tmp_path / "trained")


def names(house: House, now: datetime = LATER) -> dict[str, str]:
    return {f"{item.kind} {item.name}": item.reason for item in plan_removals(house.run, now)}


def test_a_model_goes_only_when_nobody_needs_it(house: House) -> None:
    for word in ("champion", "former", "named", "last", "loser"):
        house.train(word)
    house.promote("former", "former")
    house.promote("champion", "champion")
    house.promote("last", "champion", number=1)
    house.forecast("named")
    assert names(house) == {
        "model loser": "older than 12 weeks, never champion, named by no forecast"
    }
    # While it is young it stays.
    assert names(house, datetime.now(UTC).replace(tzinfo=None) + timedelta(weeks=11)) == {}


def test_a_removed_model_is_refused_in_plain_language_and_may_be_trained_again(
    house: House,
) -> None:
    house.train("loser")
    folder = house.bundle_of("loser")
    (removal,) = plan_removals(house.run, LATER)
    assert carry_out(house.run, removal, LATER)
    assert not folder.exists()
    with pytest.raises(ArtefactError, match="no model loser is registered"):
        house.bundle_of("loser")
    assert house.warehouse.models.load_model("loser").model_id == "loser", "its row stays"
    assert plan_removals(house.run, LATER) == []
    house.train("loser")
    assert house.bundle_of("loser").is_dir()


def test_a_model_that_was_promoted_meanwhile_stays(house: House) -> None:
    house.train("loser")
    (removal,) = plan_removals(house.run, LATER)
    house.promote("loser", "loser")
    assert not carry_out(house.run, removal, LATER)
    assert house.bundle_of("loser").is_dir()


def test_the_content_of_a_merged_pull_goes_and_its_row_stays(house: House) -> None:
    pull_id = house.save_pull()
    assert names(house) == {}, "nobody has evaluated it yet"
    house.warehouse.pulls.mark_pull(pull_id, PullState.QUARANTINED, "evidence")
    assert names(house) == {}
    house.warehouse.pulls.mark_pull(pull_id, PullState.ACCEPTED)
    (removal,) = plan_removals(house.run, LATER)
    assert removal.kind == "pull"
    assert "merged more than 400 days ago" in removal.reason
    assert carry_out(house.run, removal, LATER)
    assert not carry_out(house.run, removal, LATER)
    with pytest.raises(WarehouseError, match="removed by retention"):
        house.warehouse.pulls.load_pull(pull_id)
    # The same content gets the same number, and is there again.
    assert house.save_pull() == pull_id
    assert len(house.warehouse.pulls.load_pull(pull_id).bars) == 30


def test_old_image_sets_and_files_go_and_a_set_built_anew_stays(house: House) -> None:
    store_path = house.save_images()
    for name in ("images/old.png", "logs/airflow/old.log", "other/kept.txt"):
        path = house.config.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    assert set(names(house)) == {
        f"image set {store_path}",
        "file images/old.png",
        "file logs/airflow/old.log",
    }
    removals = plan_removals(house.run, LATER)
    now = datetime.now(UTC).replace(tzinfo=None)
    assert not carry_out(house.run, removals[0], now), "young by now's clock"
    assert all(carry_out(house.run, removal, LATER) for removal in removals)
    assert plan_removals(house.run, LATER) == []
    assert (house.config.home / "other/kept.txt").exists()


def age(path: Path, days: int) -> None:
    moment = (datetime.now(UTC) - timedelta(days=days)).timestamp()
    os.utime(path, (moment, moment))


def test_a_dry_run_lists_everything_and_changes_nothing(house: House) -> None:
    old = house.config.home / "logs" / "old.log"
    old.parent.mkdir(parents=True)
    old.write_text("x")
    age(old, 200)
    before = house.warehouse.fingerprint()
    run_pipeline("housekeeping", house.run, {"dry_run": True})
    listed = [line for line in house.reported if line.startswith("may go: ")]
    assert listed == ["may go: file logs/old.log: not written to for 180 days (0.0 MB)"]
    assert old.exists()
    assert house.warehouse.fingerprint() == before
    assert not house.config.backups_folder.exists()


def test_a_week_backs_up_first_and_removes_what_it_listed(house: House) -> None:
    old = house.config.home / "logs" / "old.log"
    old.parent.mkdir(parents=True)
    old.write_text("x")
    age(old, 200)
    context = run_pipeline("housekeeping", house.run)
    assert Path(context["backup"]).is_file()
    assert (context["n_removable"], context["n_removed"]) == (1, 1)
    assert not old.exists()
    assert "gone: file logs/old.log: not written to for 180 days (0.0 MB)" in house.reported
    again = run_pipeline("housekeeping", house.run)
    assert again["n_removed"] == 0


def test_rows_without_artefacts_raise_one_alert_until_they_are_back(
    house: House, run_sql: Any
) -> None:
    house.train("champion")
    house.promote("champion", "champion")
    house.train("loser")
    folder = house.bundle_of("champion")
    # As of two days ago, since what is younger may just be being written.
    run_sql("UPDATE prism.models SET saved_at = saved_at - interval '2 days'")
    assert steps.match_artefacts(house.run, {})["rows_without_artefact"] == 0
    moved = folder.rename(folder.with_name("elsewhere"))
    for _ in range(2):
        assert steps.match_artefacts(house.run, {})["rows_without_artefact"] == 1
    (alert,) = house.warehouse.alerts.list_open_alerts()
    assert (alert.key, alert.severity) == ("artefacts missing", "warning")
    assert "model champion" in alert.sentence
    moved.rename(folder)
    steps.match_artefacts(house.run, {})
    assert house.warehouse.alerts.list_open_alerts() == []


def test_a_ledger_that_does_not_fit_raises_an_alert_until_it_does(
    house: House, run_sql: Any
) -> None:
    for model in ("one", "two"):
        house.forecast(model)
    assert steps.verify_ledger(house.run, {}) == {"ledger_rows": 2, "ledger_faults": []}
    assert any("hs300-direction-14:2:" in line for line in house.reported)
    assert house.warehouse.alerts.list_open_alerts() == []
    change = "UPDATE prism.forecasts SET reason = {} WHERE position = 2"
    run_sql("ALTER TABLE prism.forecasts DISABLE TRIGGER USER")
    run_sql(change.format("'better'"))
    for _ in range(2):
        found = steps.verify_ledger(house.run, {})
        assert found["ledger_faults"] == ["hs300-direction-14"]
    (alert,) = house.warehouse.alerts.list_open_alerts()
    assert (alert.key, alert.severity) == ("ledger hs300-direction-14", "critical")
    assert "row 2 (session 2025-12-31, model two, word 1) was altered" in alert.sentence
    run_sql(change.format("'stale data'"))
    steps.verify_ledger(house.run, {})
    assert house.warehouse.alerts.list_open_alerts() == []


def test_a_model_that_the_policy_removed_is_not_missing(house: House, run_sql: Any) -> None:
    house.train("loser")
    run_sql("UPDATE prism.models SET saved_at = saved_at - interval '200 days'")
    house.ports.registry.remove_model("loser")
    assert steps.match_artefacts(house.run, {})["rows_without_artefact"] == 0


def test_artefacts_without_rows_are_reported_and_go_when_they_are_old(house: House) -> None:
    bundle = house.config.home / "artefacts/mlflow/hs300-14/0123/artifacts/bundle"
    bundle.mkdir(parents=True)
    (bundle / "model.keras").write_bytes(b"half")
    images = house.config.home / "artefacts/image-sets/unknown.npz"
    images.parent.mkdir(parents=True)
    images.write_bytes(b"half")
    assert steps.match_artefacts(house.run, {})["artefacts_without_row"] == 0, "too young"
    for path in (bundle / "model.keras", images):
        age(path, 2)
    assert steps.match_artefacts(house.run, {})["artefacts_without_row"] == 2
    assert any("hs300-14/0123" in line for line in house.reported)
    assert bundle.exists()
    assert house.warehouse.alerts.list_open_alerts() == []
    removals = plan_removals(house.run, LATER)
    assert {item.kind for item in removals} == {"bundle", "image set"}
    assert all(carry_out(house.run, item, LATER) for item in removals)
    assert not bundle.exists()
    assert not images.exists()


def test_a_bundle_with_a_model_is_no_orphan_to_remove(house: House) -> None:
    house.train("champion")
    (bundle,) = house.ports.registry.list_bundles()
    assert (bundle.model_id, bundle.n_bytes > 0) == ("champion", True)
    with pytest.raises(ArtefactError, match="belongs to champion"):
        house.ports.registry.remove_orphan(bundle.store_path)
    assert house.bundle_of("champion").is_dir()
