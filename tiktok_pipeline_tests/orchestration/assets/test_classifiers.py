"""A study with a classifier, through Dagster: tables, scores of every creator, warnings, figures, the report."""

from __future__ import annotations

import re

import pytest
from dagster import AssetCheckSeverity, ExecuteInProcessResult

from tiktok_pipeline_tests.homes import TWO_STUDIES, Home
from tiktok_pipeline_tests.scrapes import creators, spoiled, write_csv

SNAPSHOT = "2024-03-01"
STUDY = "active_creators"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, ExecuteInProcessResult]:
    folder = tmp_path_factory.mktemp("classified")
    home = Home(folder / "home", studies=TWO_STUDIES, pictures=True)
    rows = spoiled(creators(150), 5, awg_engagement_rate="", comment_engagement_rate="", like_engagement_rate="")
    home.deliver(write_csv(folder / "profiles_2024-03-01.csv", rows))
    return home, home.refresh(SNAPSHOT)


def warned(result: ExecuteInProcessResult) -> dict[str, dict[str, object]]:
    return {
        f"{'/'.join(one.asset_key.path)}:{one.check_name}": {key: value.value for key, value in one.metadata.items()}
        for one in result.get_asset_check_evaluations()
        if not one.passed and one.severity == AssetCheckSeverity.WARN
    }


def test_every_table_of_the_classifier_is_filled(refreshed: tuple[Home, ExecuteInProcessResult]) -> None:
    home, result = refreshed
    assert result.success
    for table in ("metrics", "confusion", "importances", "curves", "leakage", "scores", "models", "cards"):
        counted = f"select count(*) from classifiers.{table} where study = '{STUDY}' and snapshot = '{SNAPSHOT}'"
        assert home.value(counted, published=True) > 0, table
    assert set(home.sql("select distinct protocol from classifiers.metrics")) == {("published",), ("honest",)}


def test_each_creator_has_one_score_and_those_without_a_label_are_scored_by_the_model(
    refreshed: tuple[Home, ExecuteInProcessResult],
) -> None:
    home, _ = refreshed
    assert home.sql(
        f"select out_of_fold, count(*), count(distinct account_id), min(score) >= 0, max(score) <= 1 "
        f"from segments.{STUDY} group by 1 order by 1",
        published=True,
    ) == [(False, 5, 5, True, True), (True, 145, 145, True, True)]


def test_the_leak_is_a_warning_and_the_run_goes_on(refreshed: tuple[Home, ExecuteInProcessResult]) -> None:
    _, result = refreshed
    leaks = warned(result)[f"classifiers/{STUDY}/{STUDY}_leakage:no_leakage"]["leaks"]
    assert isinstance(leaks, dict)
    assert {"comment_engagement_rate", "like_engagement_rate"} <= set(leaks)
    assert "followers" not in leaks


def test_each_picture_is_drawn_once_and_stands_in_the_page(refreshed: tuple[Home, ExecuteInProcessResult]) -> None:
    home, result = refreshed
    drawn = sorted((home.settings.reports / SNAPSHOT).iterdir())
    assert len(drawn) > 20
    assert {path.suffix for path in drawn} == {".svg"}
    page = (home.settings.reports / f"{SNAPSHOT}.html").read_text(encoding="utf-8")
    assert len(re.findall(r"<svg\b[^>]*role=\"img\"", page)) == len(drawn)
    shown = [
        key
        for event in result.all_events
        if event.is_step_materialization
        for key, value in event.step_materialization_data.materialization.metadata.items()
        if "data:image/png" in str(value.value)
    ]
    assert len(shown) == len(drawn)


def test_a_study_without_segments_has_its_advice(refreshed: tuple[Home, ExecuteInProcessResult]) -> None:
    home, _ = refreshed
    found = home.sql(f"select persona, recommendation from personas.recommendations where study = '{STUDY}'")
    study = next(one for one in TWO_STUDIES if one.name == STUDY)
    assert sorted(found) == sorted(("", text) for text in study.recommendations)


def test_the_same_snapshot_again_gives_the_same_tables_and_the_same_page(
    refreshed: tuple[Home, ExecuteInProcessResult],
) -> None:
    home, _ = refreshed
    page = home.settings.reports / f"{SNAPSHOT}.html"
    before, page_before = home.tables(), page.read_bytes()
    assert home.refresh(SNAPSHOT).success
    assert home.tables() == before
    assert page.read_bytes() == page_before
