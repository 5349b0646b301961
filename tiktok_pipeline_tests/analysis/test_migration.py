"""Who moved and what the model did, held to a computation with other means."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tiktok_pipeline.analysis.migration import (
    NO_EARLIER_MODEL,
    NO_MODEL,
    earlier_segments,
    migrate_study,
    outdated_migrations,
    read_segments,
)
from tiktok_pipeline.analysis.outdated import find_outdated
from tiktok_pipeline.clusters.schema import MODELS_TABLE
from tiktok_pipeline.creators.schema import MOVES_TABLE
from tiktok_pipeline.features.schema import TABLES
from tiktok_pipeline.frames import to_pandas
from tiktok_pipeline.personas.schema import LIFECYCLE_TABLE, MIGRATIONS_TABLE
from tiktok_pipeline.personas.verdict import NOT_ENOUGH_DATA
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.homes import ONE_STUDY, Home

(STUDY,) = ONE_STUDY
MARCH, APRIL = "2024-03-01", "2024-04-01"
TEXTS = ["persona_before", "persona_by_earlier_model", "persona"]


def named(warehouse: DuckDBWarehouse, rows_of: str, model_of: str) -> pd.Series:
    """Return the segment that the model of one snapshot gives the rows of another, by the account's number."""
    segments = read_segments(warehouse, STUDY, model_of)
    assert segments is not None
    rows = to_pandas(warehouse.read_slice(TABLES["profiles"], {"snapshot": rows_of}))
    matrix = segments.model.transform(rows)
    known = [bool(np.isfinite(row).all()) for row in matrix]
    clusters = segments.model.predict(np.nan_to_num(matrix))
    names = [
        segments.personas[int(cluster)] if is_known else NOT_ENOUGH_DATA
        for cluster, is_known in zip(clusters, known, strict=True)
    ]
    return pd.Series(names, index=rows["account_id"], dtype="object")


def test_moves_are_those_of_both_models(refreshed_home: Home) -> None:
    with DuckDBWarehouse(refreshed_home.settings.warehouse_file) as warehouse:
        before = named(warehouse, MARCH, MARCH)
        by_earlier, now = named(warehouse, APRIL, MARCH), named(warehouse, APRIL, APRIL)
        stored = to_pandas(warehouse.read_slice(MOVES_TABLE, {"snapshot": APRIL, "study": STUDY.name}))
        pairs = warehouse.read_snapshots(TABLES["profiles"], [MARCH, APRIL]).select("snapshot", "account_id")
        handles = to_pandas(pairs)
    same = set(handles.loc[handles["snapshot"] == MARCH, "account_id"]) & set(now.index)
    expected = {
        name: (before[name], by_earlier[name], now[name])
        for name in same
        if len({before[name], by_earlier[name], now[name]}) > 1
    }
    kept = stored[stored["previous_account_id"] == stored["account_id"]].set_index("account_id")
    assert {name: tuple(row) for name, row in zip(kept.index, kept[TEXTS].to_numpy(), strict=True)} == expected
    assert expected
    assert (stored["creator_moved"] == (stored["persona_before"] != stored["persona_by_earlier_model"])).all()
    assert (stored["model_moved"] == (stored["persona_by_earlier_model"] != stored["persona"])).all()


def test_the_counts_add_up(refreshed_home: Home) -> None:
    with DuckDBWarehouse(refreshed_home.settings.warehouse_file) as warehouse:
        slice_ = {"snapshot": APRIL, "study": STUDY.name}
        counts = to_pandas(warehouse.read_slice(MIGRATIONS_TABLE, slice_))
        lifecycle = to_pandas(warehouse.read_slice(LIFECYCLE_TABLE, slice_))
        first = to_pandas(warehouse.read_slice(MIGRATIONS_TABLE, slice_ | {"snapshot": MARCH}))
    by_kind = counts.groupby("kind")["creators"].sum()
    assert by_kind["both"] + by_kind.get("arrival", 0) == 118
    assert by_kind["both"] + by_kind.get("departure", 0) == 117
    assert set(counts["previous_snapshot"]) == {MARCH}
    assert lifecycle["overlap"].dropna().between(0, 1).all()
    assert lifecycle["shift"].dropna().str.contains(" to |likes|followers|videos|engagement").all()
    assert first.empty


@pytest.mark.parametrize(
    ("without", "why"), [(MARCH, NO_EARLIER_MODEL), (APRIL, NO_MODEL)], ids=["no earlier model", "no model"]
)
def test_without_one_of_the_models_the_tables_are_empty(copied_home: Home, without: str, why: str) -> None:
    with DuckDBWarehouse(copied_home.settings.warehouse_file) as warehouse:
        warehouse.drop_snapshots([MODELS_TABLE], [without])
        features = warehouse.read_slice(TABLES["profiles"], {"snapshot": APRIL})
        moves, migrations, lifecycle, reason = migrate_study(warehouse, STUDY, APRIL, features)
    assert isinstance(moves, pd.DataFrame)
    assert (len(moves), len(migrations), len(lifecycle), reason) == (0, 0, 0, why)


def test_a_changed_earlier_model_leaves_the_migrations_out_of_date(copied_home: Home) -> None:
    with DuckDBWarehouse(copied_home.settings.warehouse_file) as warehouse:
        assert find_outdated(warehouse, ONE_STUDY, [MARCH, APRIL]) == []
        where = {"snapshot": MARCH, "study": STUDY.name}
        models = to_pandas(warehouse.read_slice(MODELS_TABLE, where))
        warehouse.replace_slice(MODELS_TABLE, where, models.assign(centroid=models["centroid"] + 0.5))
        assert outdated_migrations(warehouse, ONE_STUDY, [APRIL]) == {}
        (outdated,) = find_outdated(warehouse, ONE_STUDY, [MARCH])
        assert (outdated.snapshot, outdated.migrations) == (APRIL, (STUDY.name,))
        assert (outdated.studies, outdated.has_outdated_creators) == ((), False)
        warehouse.drop_snapshots([MODELS_TABLE], [MARCH])
        assert earlier_segments(warehouse, STUDY, APRIL) is None
        assert find_outdated(warehouse, ONE_STUDY, [MARCH]) == []
