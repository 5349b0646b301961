"""``refresh --resume``: continues after the last finished table and gives the tables of an undisturbed refresh."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from dagster import DagsterEventType, DagsterInstance, RunsFilter

from tiktok_pipeline.cli.console import USAGE_ERROR
from tiktok_pipeline.orchestration.assets import study as study_assets
from tiktok_pipeline.warehouse.duckdb import publishing
from tiktok_pipeline_tests.homes import Home, Said, kill_refresh
from tiktok_pipeline_tests.scrapes import creators, write_csv

Call = Callable[..., Said]
STUDY = "influencer_segments"
KEY = "2024-03-01"


def assets_of_the_last_run(home: Home) -> set[str]:
    """Return what the last run of the snapshot wrote; the next snapshot may be computed again after it."""
    with DagsterInstance.from_config(str(home.settings.dagster_home)) as instance:
        (run, *_) = instance.get_runs(RunsFilter(tags={"dagster/partition": KEY}))
        events = instance.all_logs(run.run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)
        return {
            event.dagster_event.asset_key.to_user_string()
            for event in events
            if event.dagster_event and event.dagster_event.asset_key
        }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stopped_in", "done", "left"),
    [
        (
            (study_assets, "measure_stability"),
            {"validated/profiles", "features/profiles", f"clusters/{STUDY}/{STUDY}_clusters_models"},
            {f"clusters/{STUDY}/{STUDY}_stability", f"personas/{STUDY}/{STUDY}_summaries", "published", "report"},
        ),
        (
            (publishing, "atomic_replace"),
            {f"personas/{STUDY}/{STUDY}_summaries", "validated/rejected"},
            {"published", "report"},
        ),
    ],
    ids=["among the tables", "while publishing"],
)
def test_resume_continues_after_the_last_finished_table(
    tmp_path: Path, call: Call, stopped_in: tuple[ModuleType, str], done: set[str], left: set[str]
) -> None:
    home = Home(tmp_path / "home")
    scrape = write_csv(tmp_path / "scrape.csv", creators(120))
    kill_refresh(home.path, scrape, while_in=stopped_in)
    result = call(home.path, "refresh", "--resume", "--study", STUDY)
    assert result.code == 0, result.err
    assert f"snapshot {KEY}: " in result.err
    assert "tables are complete" in result.err
    written = assets_of_the_last_run(home)
    assert not written & done, "what is finished is not made again"
    assert left <= written
    clean = Home(tmp_path / "clean")
    clean.deliver(scrape)
    assert clean.refresh(KEY).success
    assert home.tables() == clean.tables()
    assert home.tables(published=True) == clean.tables(published=True)
    assert "nothing to resume" in call(home.path, "refresh", "--resume").err


@pytest.mark.slow
def test_resume_recomputes_a_snapshot_with_a_new_delivery(copied_home: Home, call: Call, tmp_path: Path) -> None:
    home = copied_home
    home.deliver(write_csv(tmp_path / "more.csv", creators(30, seed=9)), snapshot=KEY)
    result = call(home.path, "refresh", "--resume", "--study", STUDY)
    assert result.code == 0, result.err
    query = f'tiktok-pipeline sql "select persona, count(*) as creators from segments.{STUDY} group by all'
    assert query in result.err, "the query is of the study that was refreshed"
    assert {
        "raw/profiles",
        "validated/profiles",
        f"clusters/{STUDY}/{STUDY}_clusters_models",
    } <= assets_of_the_last_run(home)


@pytest.mark.parametrize("other", ["--all", "scrape.csv"])
def test_resume_with_files_or_all_is_a_usage_error(tmp_path: Path, call: Call, other: str) -> None:
    result = call(tmp_path / "home", "refresh", "--resume", other)
    assert result.code == USAGE_ERROR
    assert "--resume cannot be combined with files or --all" in result.err
