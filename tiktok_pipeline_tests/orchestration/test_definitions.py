"""What Dagster shows: every table is an asset with its group, words, kinds, columns and a blocking check."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from dagster import AssetKey, AssetSelection, Definitions

import tiktok_pipeline.studies
from tiktok_pipeline import STAGES
from tiktok_pipeline.assembly import build_definitions, jobs_resolved_quietly, refresh_job
from tiktok_pipeline.orchestration.asset_keys import table_of
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


def test_every_table_of_the_project_is_an_asset() -> None:
    assert {str(table_of(key).spec) for key in TABLE_KEYS} == set(TABLES)


def test_building_them_touches_no_file(tmp_path: Path) -> None:
    with jobs_resolved_quietly():
        Definitions.validate_loadable(build_definitions(Settings(home=tmp_path / "home")))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", KEYS, ids=name)
def test_an_asset_says_what_it_is(key: AssetKey) -> None:
    node = GRAPH.get(key)
    assert node.description
    assert re.match(r"[A-Z].*\.$", node.description)
    assert node.kinds
    assert node.partitions_def == (None if key == INCOMING else SNAPSHOTS)
    assert node.owners == []


@pytest.mark.parametrize("key", TABLE_KEYS, ids=name)
def test_an_asset_shows_the_columns_of_its_table(key: AssetKey) -> None:
    node = GRAPH.get(key)
    spec = table_of(key).spec
    shown = node.metadata["dagster/column_schema"]
    assert [(one.name, one.type, one.description, one.constraints.nullable) for one in shown.columns] == [
        (one.name, one.type, one.description, one.nullable) for one in spec.columns
    ]
    assert node.tags["stage"] == spec.schema


@pytest.mark.parametrize("key", TABLE_KEYS, ids=name)
def test_a_key_begins_with_its_stage_and_its_group_is_the_stage_or_the_study(key: AssetKey) -> None:
    stage, *middle, _ = key.path
    assert stage in STAGES
    assert GRAPH.get(key).group_name == (middle[0] if middle else stage)
    assert middle == [] or middle[0] in {study.name for study in STUDIES}


@pytest.mark.parametrize("key", TABLE_KEYS, ids=name)
def test_an_asset_depends_on_no_later_stage(key: AssetKey) -> None:
    place = STAGES.index(key.path[0])
    assert all(STAGES.index(parent.path[0]) <= place for parent in GRAPH.get(key).parent_keys)


@pytest.mark.parametrize("key", TABLE_KEYS, ids=name)
def test_a_table_has_its_blocking_contract_check(key: AssetKey) -> None:
    checks = [check for check in GRAPH.asset_check_keys if check.asset_key == key and check.name == "contract"]
    assert len(checks) == 1
    spec = GRAPH.get_check_spec(checks[0])
    assert spec.blocking
    assert str(table_of(key).spec) in (spec.description or "")


@pytest.mark.parametrize("last", [PUBLISHED, REPORT], ids=name)
def test_what_people_read_comes_after_every_table(last: AssetKey) -> None:
    assert AssetSelection.assets(last).upstream(include_self=False).resolve(GRAPH) == set(TABLE_KEYS)
    assert GRAPH.get(last).child_keys == set()


def test_the_job_refresh_holds_everything() -> None:
    job = refresh_job(DEFINITIONS)
    assert set(job.asset_layer.selected_asset_keys) == set(KEYS) - {INCOMING}
    assert job.partitions_def == SNAPSHOTS
    assert job.executor_def.name == "in_process"


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_the_assets_of_a_study_are_its_group(study: Study) -> None:
    keys = {key for one in study_assets(study) for key in one.keys}
    assert AssetSelection.groups(study.name).resolve(GRAPH) == keys
    assert all(GRAPH.get(key).code_version == study.version for key in keys)


def test_the_published_file_holds_all_but_raw() -> None:
    assert {str(spec) for spec in published_tables()} == {one for one in TABLES if not one.startswith("raw.")}
