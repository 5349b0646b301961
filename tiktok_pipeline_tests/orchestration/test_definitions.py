"""What Dagster's UI shows: every table is an asset with a label, a description, columns and a blocking check."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from dagster import AssetCheckKey, AssetKey, AssetSelection, Definitions

import tiktok_pipeline.studies
from tiktok_pipeline import STAGES
from tiktok_pipeline.assembly import build_definitions, jobs_resolved_quietly, refresh_job
from tiktok_pipeline.cli.console import select_studies
from tiktok_pipeline.orchestration.asset_keys import asset_key, table_of
from tiktok_pipeline.orchestration.assets.study import study_assets
from tiktok_pipeline.orchestration.partitions import SNAPSHOTS
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.study import Study, load_studies
from tiktok_pipeline.tables import TABLES, published_tables

STUDIES = load_studies(tiktok_pipeline.studies)
DEFINITIONS = build_definitions(Settings(home=Path("/nowhere")))
GRAPH = DEFINITIONS.resolve_asset_graph()
PUBLISHED = AssetKey("published")
KEYS = sorted(GRAPH.get_all_asset_keys())
REPORT, INCOMING = AssetKey("report"), AssetKey("incoming")
TABLE_KEYS = [key for key in KEYS if key not in (PUBLISHED, REPORT, INCOMING)]


def name(key: AssetKey) -> str:
    return key.to_user_string()


def check_name(key: AssetCheckKey) -> str:
    return f"{name(key.asset_key)}:{key.name}"


CHECK_KEYS = sorted(GRAPH.asset_check_keys, key=check_name)  # workers of pytest-xdist need one order


def test_every_table_of_the_project_is_an_asset() -> None:
    assert {str(table_of(key).spec) for key in TABLE_KEYS} == set(TABLES)


def test_building_them_touches_no_file(tmp_path: Path) -> None:
    with jobs_resolved_quietly():
        Definitions.validate_loadable(build_definitions(Settings(home=tmp_path / "home")))
    assert list(tmp_path.iterdir()) == []


def test_the_continuity_of_the_settings_reaches_every_study(monkeypatch: pytest.MonkeyPatch) -> None:
    warm = build_definitions(Settings(home=Path("/nowhere"), continuity="warm")).resolve_asset_graph()
    held = {key.asset_key.path[1] for key in warm.asset_check_keys if key.name == "segments_hold_still"}
    assert held == {study.name for study in STUDIES if study.segmentation}
    monkeypatch.setenv("TIKTOK_PIPELINE_CONTINUITY", "warm")
    for study in select_studies(sorted(held)):
        assert warm.get(asset_key("clusters.models", study.name)).code_version == study.version
        is_changed = GRAPH.get(asset_key("clusters.models", study.name)).code_version != study.version
        assert is_changed == (study.name != "balanced_segments")


@pytest.mark.parametrize("key", KEYS, ids=name)
def test_an_asset_is_described(key: AssetKey) -> None:
    node = GRAPH.get(key)
    assert node.description
    assert re.match(r"[A-Z].*\.$", node.description)
    assert node.kinds
    assert node.partitions_def == (None if key == INCOMING else SNAPSHOTS)
    assert node.owners == []


def test_dagster_shows_the_type_and_the_meaning_of_a_column() -> None:
    shown = GRAPH.get(asset_key("clusters.stability", "user_segments")).metadata["dagster/column_schema"]
    columns = {column.name: column for column in shown.columns}
    assert list(columns)[:3] == ["snapshot", "study", "cluster"]
    assert (columns["jaccard"].type, columns["jaccard"].constraints.nullable) == ("float", True)
    assert "Jaccard" in columns["jaccard"].description
    assert not columns["cluster"].constraints.nullable


@pytest.mark.parametrize("key", TABLE_KEYS, ids=name)
def test_every_column_that_dagster_shows_is_described(key: AssetKey) -> None:
    node = GRAPH.get(key)
    columns = node.metadata["dagster/column_schema"].columns
    assert len(columns) > 1
    assert [column.name for column in columns if not column.description] == []
    assert node.tags["stage"] == key.path[0]


def test_no_two_nodes_of_a_study_have_the_same_label() -> None:
    labels = Counter(key.path[-1] for key in TABLE_KEYS if len(key.path) == 3)
    assert [label for label, nodes in labels.items() if nodes > 1] == []
    assert len([label for label in labels if label.endswith("_models")]) == 7


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_label_and_description_of_a_node_name_its_study(study: Study) -> None:
    for key in AssetSelection.groups(study.name).resolve(GRAPH):
        assert key.path[-1].startswith(f"{study.name}_")
        assert (GRAPH.get(key).description or "").startswith(f"Study {study.name}: ")


@pytest.mark.parametrize("key", CHECK_KEYS, ids=check_name)
def test_every_check_is_of_one_snapshot_unless_it_is_about_the_day_or_the_inbox(key: AssetCheckKey) -> None:
    expected = None if key.name in ("newest_snapshot", "readable") else SNAPSHOTS
    assert GRAPH.get(key).partitions_def == expected


@pytest.mark.parametrize("key", TABLE_KEYS, ids=name)
def test_a_key_begins_with_its_stage_and_its_group_is_the_stage_or_the_study(key: AssetKey) -> None:
    stage, *middle, _ = key.path
    assert stage in STAGES
    assert GRAPH.get(key).group_name == (middle[0] if middle else stage)
    assert middle == [] or middle[0] in {study.name for study in STUDIES}


@pytest.mark.parametrize("key", TABLE_KEYS, ids=name)
def test_an_asset_depends_on_no_later_stage(key: AssetKey) -> None:
    # What became of a segment is known after the creators of two snapshots are: one step computes both.
    is_comparison = key.path[-1].endswith(("_migrations", "_lifecycle"))
    place = STAGES.index("creators" if is_comparison else key.path[0])
    assert all(STAGES.index(parent.path[0]) <= place for parent in GRAPH.get(key).parent_keys)


@pytest.mark.parametrize("key", TABLE_KEYS, ids=name)
def test_a_table_has_its_blocking_contract_check(key: AssetKey) -> None:
    checks = [check for check in GRAPH.asset_check_keys if check.asset_key == key and check.name == "contract"]
    assert len(checks) == 1
    spec = GRAPH.get_check_spec(checks[0])
    assert spec.blocking
    assert str(table_of(key).spec) in (spec.description or "")


@pytest.mark.parametrize("last", [PUBLISHED, REPORT], ids=name)
def test_the_published_file_and_the_report_come_after_every_table(last: AssetKey) -> None:
    assert AssetSelection.assets(last).upstream(include_self=False).resolve(GRAPH) == set(TABLE_KEYS)
    assert GRAPH.get(last).child_keys == set()


def test_the_job_refresh_holds_everything() -> None:
    job = refresh_job(DEFINITIONS)
    assert set(job.asset_layer.selected_asset_keys) == set(KEYS) - {INCOMING}
    assert job.partitions_def == SNAPSHOTS
    assert job.executor_def.name == "in_process"


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_the_assets_of_a_study_are_its_group(study: Study) -> None:
    keys = {key for asset in study_assets(study) for key in asset.keys}
    assert AssetSelection.groups(study.name).resolve(GRAPH) == keys
    assert all(GRAPH.get(key).code_version == study.version for key in keys)


def test_the_published_file_holds_all_but_raw() -> None:
    assert {str(spec) for spec in published_tables()} == {table for table in TABLES if not table.startswith("raw.")}
