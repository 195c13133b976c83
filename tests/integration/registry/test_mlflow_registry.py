"""Models are kept once, found by id, handed out only unaltered, and crowned by alias."""

from __future__ import annotations

import shutil

import fsspec
import pytest
from mlflow import MlflowClient

from factorprism.core.errors import ArtefactError
from factorprism.registry import MlflowRegistry


def log(registry, trained):
    registry.log_training(trained.record, trained.bundle, trained.evaluations, trained.history)


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_registered_bundle_is_handed_out_byte_for_byte(registry, train):
    trained = train()
    log(registry, trained)
    fetched = registry.fetch_bundle(trained.record.model_id)
    assert fetched != trained.bundle
    assert contents(fetched) == contents(trained.bundle)


def test_the_bundle_outlives_the_folder_it_was_trained_in(registry, train):
    trained = train()
    expected = contents(trained.bundle)
    log(registry, trained)
    shutil.rmtree(trained.bundle)
    assert contents(registry.fetch_bundle(trained.record.model_id)) == expected


def test_a_run_shows_parameters_figures_and_curves(registry, train, tracking_url):
    trained = train()
    log(registry, trained)
    client = MlflowClient(tracking_url, tracking_url)
    experiment = client.get_experiment_by_name("hs300-direction-14")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.info.run_name == trained.record.model_id
    assert run.data.params["trained_through"] == "2019-12-31"
    assert run.data.params["spec.seed"] == "14"
    assert run.data.metrics["walk_forward.log_loss"] == 0.69
    assert run.data.metrics["walk_forward.log_loss.lower"] == 0.67
    # No interval was found above: a gap, not a zero.
    assert "walk_forward.log_loss.upper" not in run.data.metrics
    curve = client.get_metric_history(run.info.run_id, "history.val_loss")
    assert [(point.step, point.value) for point in curve] == [(0, 0.70), (1, 0.71), (2, 0.72)]
    listed = {item.path for item in client.list_artifacts(run.info.run_id, "bundle")}
    assert listed == {"bundle/MANIFEST.json", "bundle/model.keras", "bundle/spec.json"}


def test_registering_twice_leaves_one_run_and_one_version(registry, train, tracking_url):
    trained = train()
    log(registry, trained)
    log(registry, trained)
    client = MlflowClient(tracking_url, tracking_url)
    experiment = client.get_experiment_by_name("hs300-direction-14")
    assert len(client.search_runs([experiment.experiment_id])) == 1
    (version,) = client.search_model_versions("name = 'hs300-direction-14'")
    assert version.tags["model_id"] == trained.record.model_id
    assert version.tags["artefact_hash"] == trained.record.artefact_hash


def test_a_training_cut_off_before_its_version_is_written_anew(
    registry, train, tracking_url, artefacts
):
    trained = train()
    log(registry, trained)
    client = MlflowClient(tracking_url, tracking_url)
    (version,) = client.search_model_versions("name = 'hs300-direction-14'")
    # What a kill just before the last call leaves: a run, its files, and no version.
    client.delete_model_version("hs300-direction-14", version.version)
    client.update_run(version.run_id, "RUNNING")
    log(registry, trained)
    experiment = client.get_experiment_by_name("hs300-direction-14")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_id != version.run_id
    assert run.info.status == "FINISHED"
    assert len(list(artefacts.rglob("MANIFEST.json"))) == 1
    assert contents(registry.fetch_bundle(trained.record.model_id)) == contents(trained.bundle)


def test_a_bundle_that_is_not_the_recorded_one_is_not_registered(registry, train):
    trained = train()
    (trained.bundle / "model.keras").write_bytes(b"other weights")
    with pytest.raises(ArtefactError, match=r"model\.keras .* was altered"):
        log(registry, trained)
    with pytest.raises(ArtefactError, match=r"no model .* is registered"):
        registry.fetch_bundle(trained.record.model_id)


@pytest.mark.parametrize("fetched_before", [False, True])
@pytest.mark.parametrize("name", ["model.keras", "spec.json", "MANIFEST.json"])
def test_an_altered_file_is_refused(registry, train, artefacts, name, fetched_before):
    trained = train()
    log(registry, trained)
    if fetched_before:
        registry.fetch_bundle(trained.record.model_id)
    (stored,) = artefacts.rglob(name)
    stored.write_bytes(stored.read_bytes() + b" ")
    with pytest.raises(ArtefactError) as caught:
        registry.fetch_bundle(trained.record.model_id)
    assert "\n" not in caught.value.message
    assert "factorprism train" in caught.value.remedy


@pytest.mark.parametrize("name", ["model.keras", "MANIFEST.json"])
def test_a_missing_file_is_refused(registry, train, artefacts, name):
    trained = train()
    log(registry, trained)
    (stored,) = artefacts.rglob(name)
    stored.unlink()
    with pytest.raises(ArtefactError, match=r"missing|holds no model"):
        registry.fetch_bundle(trained.record.model_id)


def test_an_unknown_model_is_refused_with_a_remedy(registry):
    with pytest.raises(ArtefactError, match="no model inception-000000000000") as caught:
        registry.fetch_bundle("inception-000000000000")
    assert caught.value.remedy


def test_a_model_fetched_before_is_fetched_without_the_database(registry, train, tmp_path):
    trained = train()
    log(registry, trained)
    first = registry.fetch_bundle(trained.record.model_id)
    offline = MlflowRegistry(
        "sqlite:////nowhere/mlflow.db", "file:///nowhere", tmp_path / "bundles"
    )
    assert offline.fetch_bundle(trained.record.model_id) == first


def test_bundles_follow_a_home_that_was_moved(train, tracking_url, tmp_path):
    trained = train()
    before = MlflowRegistry(tracking_url, (tmp_path / "a").as_uri(), tmp_path / "bundles")
    log(before, trained)
    before.fetch_bundle(trained.record.model_id)
    (tmp_path / "a").rename(tmp_path / "b")
    after = MlflowRegistry(tracking_url, (tmp_path / "b").as_uri(), tmp_path / "bundles")
    fetched = after.fetch_bundle(trained.record.model_id)
    assert fetched.is_relative_to(tmp_path / "b")
    assert contents(fetched) == contents(trained.bundle)


def test_bundles_of_an_earlier_store_are_still_found(train, tracking_url, tmp_path):
    trained = train()
    log(MlflowRegistry(tracking_url, (tmp_path / "a").as_uri(), tmp_path / "x"), trained)
    later = MlflowRegistry(tracking_url, (tmp_path / "b").as_uri(), tmp_path / "y")
    assert later.fetch_bundle(trained.record.model_id).is_relative_to(tmp_path / "a")


def test_a_store_elsewhere_is_copied_to_the_cache_and_read_from_there(
    train, tracking_url, memory_store, tmp_path
):
    trained = train()
    registry = MlflowRegistry(tracking_url, memory_store, tmp_path / "bundles")
    log(registry, trained)
    fetched = registry.fetch_bundle(trained.record.model_id)
    assert fetched.parent == tmp_path / "bundles"
    assert contents(fetched) == contents(trained.bundle)
    store = fsspec.filesystem("memory")
    store.rm("/registry-test", recursive=True)
    assert registry.fetch_bundle(trained.record.model_id) == fetched


def test_a_damaged_copy_in_the_cache_is_fetched_again(train, tracking_url, memory_store, tmp_path):
    trained = train()
    registry = MlflowRegistry(tracking_url, memory_store, tmp_path / "bundles")
    log(registry, trained)
    fetched = registry.fetch_bundle(trained.record.model_id)
    (fetched / "model.keras").write_bytes(b"other weights")
    assert contents(registry.fetch_bundle(trained.record.model_id)) == contents(trained.bundle)


def test_an_altered_file_elsewhere_never_reaches_the_cache(
    train, tracking_url, memory_store, tmp_path
):
    trained = train()
    registry = MlflowRegistry(tracking_url, memory_store, tmp_path / "bundles")
    log(registry, trained)
    store = fsspec.filesystem("memory")
    (path,) = [name for name in store.find("/registry-test") if name.endswith("model.keras")]
    store.pipe_file(path, b"other weights")
    with pytest.raises(ArtefactError, match="altered"):
        registry.fetch_bundle(trained.record.model_id)
    assert not [item for item in (tmp_path / "bundles").iterdir() if item.is_dir()]


def test_aliases_point_to_models_and_move(registry, train):
    old, new = train(b"old"), train(b"new")
    log(registry, old)
    log(registry, new)
    assert registry.get_alias("hs300-direction-14", "champion") is None
    for _ in range(2):
        registry.set_alias("hs300-direction-14", "champion", old.record.model_id)
        registry.set_alias("hs300-direction-14", "challenger", new.record.model_id)
    assert registry.get_alias("hs300-direction-14", "champion") == old.record.model_id
    assert registry.get_alias("hs300-direction-14", "challenger") == new.record.model_id
    registry.set_alias("hs300-direction-14", "champion", new.record.model_id)
    assert registry.get_alias("hs300-direction-14", "champion") == new.record.model_id


def test_signals_have_champions_of_their_own(registry, train):
    model, other = train(b"one"), train(b"two", universe="image3")
    log(registry, model)
    log(registry, other)
    registry.set_alias("hs300-direction-14", "champion", model.record.model_id)
    registry.set_alias("image3-direction-14", "champion", other.record.model_id)
    assert registry.get_alias("hs300-direction-14", "champion") == model.record.model_id
    assert registry.get_alias("image3-direction-14", "champion") == other.record.model_id
    assert registry.get_alias("hs300-direction-5", "champion") is None
    with pytest.raises(ArtefactError, match="registered for image3-direction-14"):
        registry.set_alias("image3-direction-14", "champion", model.record.model_id)


def test_a_model_registered_by_universe_and_horizon_is_taken_over_by_its_signal(
    registry, train, tracking_url
):
    trained = train()
    log(registry, trained)
    client = MlflowClient(tracking_url, tracking_url)
    client.rename_registered_model("hs300-direction-14", "hs300-14")
    for _ in range(2):
        registry.set_alias("hs300-direction-14", "champion", trained.record.model_id)
    assert registry.get_alias("hs300-direction-14", "champion") == trained.record.model_id
    assert len(client.search_model_versions("name = 'hs300-direction-14'")) == 1
    assert contents(registry.fetch_bundle(trained.record.model_id)) == contents(trained.bundle)
    with pytest.raises(ArtefactError, match="registered for image3-direction-14"):
        registry.set_alias("image3-direction-14", "champion", trained.record.model_id)


def test_other_aliases_and_names_with_quotes_are_refused(registry):
    with pytest.raises(ValueError, match="alias: 'best'"):
        registry.get_alias("hs300-direction-14", "best")
    with pytest.raises(ValueError, match="alias: 'best'"):
        registry.set_alias("hs300-direction-14", "best", "inception-000000000000")
    with pytest.raises(ValueError, match="allowed are letters"):
        registry.fetch_bundle("x' or '1' = '1")


def test_a_database_that_is_not_there_is_one_plain_sentence(tmp_path, train):
    url = "postgresql://nobody:hidden@127.0.0.1:9/mlflow"
    registry = MlflowRegistry(url, tmp_path.as_uri(), tmp_path / "bundles")
    with pytest.raises(ArtefactError, match="registry cannot be opened") as caught:
        registry.get_alias("hs300-direction-14", "champion")
    assert "hidden" not in str(caught.value)
    assert "\n" not in caught.value.message
