"""Snapshots that are too small or too plain for a study: the run succeeds, and what is missing has a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from dagster import AssetCheckSeverity, ExecuteInProcessResult

from tiktok_pipeline.analysis.segmentation import NOTHING_DELIVERED
from tiktok_pipeline_tests.homes import Home, reasons_of
from tiktok_pipeline_tests.scrapes import Row, creators, spoiled, write_csv

RATES = dict.fromkeys(("awg_engagement_rate", "comment_engagement_rate", "like_engagement_rate"), "")
SAME = {"followers": "100", "following": "5", "likes": "1000", "videos_count": "7"}
pytestmark = pytest.mark.slow

KINDS: dict[str, list[Row]] = {
    "one row": creators(1),
    "fewer rows than clusters": creators(3),
    "fewer rows than folds": creators(8),
    "all alike": spoiled(creators(40), 40, **SAME, awg_engagement_rate="0.2", comment_engagement_rate="0.1",
                        like_engagement_rate="0.1", is_verified="false"),
    "no rates": spoiled(creators(60), 60, **RATES),
    "one class only": spoiled(creators(60), 60, awg_engagement_rate="0.5", comment_engagement_rate="0.2",
                             like_engagement_rate="0.3"),
}  # fmt: skip


def why(result: ExecuteInProcessResult) -> dict[str, str]:
    """The reason of each check that warns that a study could not be run, by asset."""
    return {
        "/".join(one.asset_key.path): str(one.metadata["why"].value)
        for one in result.get_asset_check_evaluations()
        if one.check_name == "could_be_done" and not one.passed and one.severity == AssetCheckSeverity.WARN
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_run_is_green_and_what_is_missing_says_why(kind: str, tmp_path: Path) -> None:
    home = Home(tmp_path / "home", studies=None)
    home.deliver(write_csv(tmp_path / "profiles_2024-03-01.csv", KINDS[kind]))
    result = home.refresh("2024-03-01")
    assert result.success, reasons_of(result)
    rows = len(KINDS[kind])
    assert home.value("select count(*) from validated.profiles", published=True) == rows
    reasons = why(result)
    assert "classifiers/active_creators/active_creators_cards" in reasons
    assert NOTHING_DELIVERED in reasons["clusters/creator_archetypes/creator_archetypes_fits"]
    summary = home.sql(
        "select study, persona, description from personas.summaries "
        "where description like 'The study could not be run%'"
    )
    undone = {key.split("/")[1] for key in reasons if key.startswith("clusters/")} - {"creator_archetypes"}
    assert {study for study, _, _ in summary} == undone
    page = (home.settings.reports / "2024-03-01.html").read_text(encoding="utf-8")
    assert reasons["classifiers/active_creators/active_creators_cards"].split(":")[0] in page


def test_the_numbers_stand_in_the_reason(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", studies=None)
    home.deliver(write_csv(tmp_path / "profiles_2024-03-01.csv", creators(3)))
    reasons = why(home.refresh("2024-03-01"))
    assert (
        reasons["clusters/balanced_segments/balanced_segments_fits"] == "3 distinct rows to fit, 4 clusters asked for"
    )
    assert "of 3 labeled profiles, at least 10 needed" in reasons["classifiers/top_influencers/top_influencers_cards"]
