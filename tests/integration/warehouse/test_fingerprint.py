"""The fingerprint follows the content alone: not the clock, not the order of arrival."""

from __future__ import annotations

import pytest

from factorprism.core.alerts import Alert
from factorprism.warehouse import PostgresWarehouse
from factorprism.warehouse.tables import metadata


@pytest.fixture
def rival(postgres, migrated_template):
    """A second warehouse, in a database of its own."""
    url = postgres.new_database(migrated_template)
    warehouse = PostgresWarehouse(url)
    yield warehouse
    warehouse.close()
    postgres.drop_database(url)


def fill(warehouse, bars, build_pull, steps):
    for rows in steps:
        part = bars.iloc[rows]
        pull_id = warehouse.pulls.save_pull(build_pull(bars))
        warehouse.bars.merge_bars(part, pull_id)


def test_equal_content_has_equal_fingerprints(warehouse, rival, build_bars, build_pull):
    bars = build_bars(n=400)
    fill(warehouse, bars, build_pull, [slice(None)])
    fill(rival, bars, build_pull, [slice(300, None), slice(0, 10), slice(None), slice(None)])
    assert rival.fingerprints() == warehouse.fingerprints()
    assert rival.fingerprint() == warehouse.fingerprint()


def test_one_changed_bit_changes_its_table_alone(warehouse, build_bars, build_pull, run_sql):
    fill(warehouse, build_bars(), build_pull, [slice(None)])
    before, whole = warehouse.fingerprints(), warehouse.fingerprint()
    run_sql("UPDATE prism.bars SET close = close * (1 + 2e-16) WHERE session = '2020-01-03'")
    after = warehouse.fingerprints()
    assert {name for name in before if before[name] != after[name]} == {"bars"}
    assert warehouse.fingerprint() != whole


def test_clock_and_repeated_raises_do_not_count(warehouse, build_bars, build_pull, run_sql):
    fill(warehouse, build_bars(), build_pull, [slice(None)])
    warehouse.alerts.raise_alert(Alert("key", "critical", "sentence"))
    before = warehouse.fingerprints()
    warehouse.alerts.raise_alert(Alert("key", "critical", "sentence"))
    run_sql("UPDATE prism.bars SET recorded_at = now()")
    assert warehouse.fingerprints() == before


def test_every_table_is_covered(warehouse):
    assert sorted(warehouse.fingerprints()) == sorted(
        table.name for table in metadata.sorted_tables
    )
    assert len(set(warehouse.fingerprints().values())) == len(metadata.sorted_tables)
