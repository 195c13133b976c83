"""What retention would remove, and why: models, image sets, pulls' content, files of the home."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from factorprism.core.housekeeping import StoredBundle, StoredModel
from factorprism.pipelines._image_sets import list_image_sets, remove_image_set
from factorprism.pipelines._run import Run
from factorprism.pipelines.champions import champion_lock

# Folders of the home that grow by a file or more a day.
FOLDERS = ("images", "image-sets", "logs")


@dataclass(frozen=True)
class Removal:
    """One thing that goes: its `kind`, the `name` that it is found by, and the reason."""

    kind: str
    name: str
    reason: str
    n_bytes: int

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.reason} ({self.n_bytes / 1e6:.1f} MB)"


def plan_removals(run: Run, now: datetime) -> list[Removal]:
    """Return everything that the policy lets go of at `now` (naive, UTC); nothing is touched.

    Never among it: rows of any table but the content of merged pulls, out-of-sample folds, the
    ledger, a model that was ever champion, that a forecast names or that the last decision was on.
    """
    return [
        *_old_bundles(run, now),
        *_old_image_sets(run, now),
        *_old_payloads(run, now),
        *_old_files(run, now),
    ]


def carry_out(run: Run, removal: Removal, now: datetime) -> bool:
    """Remove one thing; False where it is gone or needed meanwhile."""
    warehouse = run.ports.warehouse
    if removal.kind == "pull":
        return warehouse.housekeeping.clear_payload(int(removal.name))
    if removal.kind == "model":
        return _remove_model(run, removal.name, now)
    if removal.kind == "bundle":
        run.ports.registry.remove_orphan(removal.name)
    elif removal.kind == "image set":
        # Built anew meanwhile, it is young again.
        if not any(item.name == removal.name for item in _old_image_sets(run, now)):
            return False
        remove_image_set(removal.name, run.config.artefacts_url)
    else:
        (run.config.home / removal.name).unlink(missing_ok=True)
    return True


def expires_before(run: Run, now: datetime) -> datetime:
    """Return the moment before which artefacts that nothing refers to are old."""
    return now - timedelta(weeks=run.config.artefacts_kept_weeks)


def _remove_model(run: Run, model_id: str, now: datetime) -> bool:
    """Remove a model that still nobody needs, while no promotion can begin."""
    store = run.ports.warehouse.housekeeping
    model = next(item for item in store.list_models() if item.model_id == model_id)
    with run.ports.warehouse.lock(champion_lock(model.signal)):
        if any(item.claim for item in store.list_models() if item.model_id == model_id):
            return False
        run.ports.registry.remove_model(model_id)
    return True


def _old_bundles(run: Run, now: datetime) -> Iterator[Removal]:
    before = expires_before(run, now)
    weeks = run.config.artefacts_kept_weeks
    models = {item.model_id: item for item in run.ports.warehouse.housekeeping.list_models()}
    for bundle in run.ports.registry.list_bundles():
        model = models.get(bundle.model_id)
        if not _is_old(bundle, model, before):
            continue
        if model is not None and not model.claim:
            reason = f"older than {weeks} weeks, never champion, named by no forecast"
            yield Removal("model", model.model_id, reason, bundle.n_bytes)
        elif not bundle.model_id:
            reason = f"older than {weeks} weeks, and no model is registered for it"
            yield Removal("bundle", bundle.store_path, reason, bundle.n_bytes)


def _is_old(bundle: StoredBundle, model: StoredModel | None, before: datetime) -> bool:
    return bundle.modified_at < before and (model is None or model.saved_at < before)


def _old_image_sets(run: Run, now: datetime) -> Iterator[Removal]:
    before = expires_before(run, now)
    reason = f"older than {run.config.artefacts_kept_weeks} weeks; build_dataset makes it anew"
    for item in list_image_sets(run.config.artefacts_url):
        if item.modified_at < before:
            yield Removal("image set", item.store_path, reason, item.n_bytes)


def _old_payloads(run: Run, now: datetime) -> Iterator[Removal]:
    days = run.config.payloads_kept_days
    merged_before = now - timedelta(days=days)
    for item in run.ports.warehouse.housekeeping.list_payloads(merged_before):
        reason = (
            f"{item.symbol} {item.first} to {item.last}, merged more than {days} days ago; "
            "its row and hash stay"
        )
        yield Removal("pull", str(item.pull_id), reason, item.n_bytes)


def _old_files(run: Run, now: datetime) -> Iterator[Removal]:
    days = run.config.files_kept_days
    before = now - timedelta(days=days)
    for folder in FOLDERS:
        for path in sorted((run.config.home / folder).rglob("*")):
            if not path.is_file() or path.is_symlink():
                continue
            facts = path.stat()
            if _moment(facts.st_mtime) < before:
                name = str(path.relative_to(run.config.home))
                reason = f"not written to for {days} days"
                yield Removal("file", name, reason, facts.st_size)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


@dataclass(frozen=True)
class Orphans:
    """What does not belong together; one line a finding."""

    without_row: tuple[str, ...]  # artefacts that no row knows
    without_artefact: tuple[str, ...]  # rows whose artefact should be there and is not


def find_orphans(run: Run, now: datetime) -> Orphans:
    """Hold rows against artefacts; what is younger than a day may just be being written.

    A row whose artefact the policy lets go of is no finding.
    """
    young = now - timedelta(days=1)
    store = run.ports.warehouse.housekeeping
    models, bundles = store.list_models(), run.ports.registry.list_bundles()
    recorded = {model.model_id for model in models}
    placed = {bundle.model_id for bundle in bundles}
    sets, listed = store.list_image_sets(), list_image_sets(run.config.artefacts_url)
    before = expires_before(run, now)
    without_row = [
        f"bundle {item.store_path}"
        for item in bundles
        if item.model_id not in recorded and item.modified_at < young
    ]
    known = {item.store_path for item in sets}
    without_row += [
        f"image set {item.store_path}"
        for item in listed
        if item.store_path not in known and item.modified_at < young
    ]
    without_artefact = [
        f"model {model.model_id}"
        for model in models
        if model.model_id not in placed
        and (model.claim or model.saved_at >= before)
        and model.saved_at < young
    ]
    there = {item.store_path for item in listed}
    without_artefact += [
        f"image set {item.store_path}"
        for item in sets
        if item.store_path not in there and before <= item.saved_at < young
    ]
    return Orphans(tuple(without_row), tuple(without_artefact))
