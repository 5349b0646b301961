"""A scrape goes in, tables come out, through Dagster as a user runs it; what goes wrong stays where it went wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from dagster import DagsterInstance

from tiktok_pipeline.orchestration.assets import study as study_assets
from tiktok_pipeline.personas.verdict import NOT_ENOUGH_DATA
from tiktok_pipeline.study import load_studies
from tiktok_pipeline.validated.schema import MOST_FOLLOWERS
from tiktok_pipeline.warehouse.duckdb import publishing
from tiktok_pipeline.warehouse.duckdb.migrations import VERSION
from tiktok_pipeline_tests.homes import (
    UNTIL_VALIDATED,
    Home,
    Said,
    kill_refresh,
    materialized,
    reasons_of,
)
from tiktok_pipeline_tests.scrapes import Row, activity, creators, spoiled, write_csv

STUDY = "influencer_segments"


def delivered(folder: Path, rows: list[Row], name: str = "scrape.csv") -> Home:
    """A new home in ``folder`` with one delivered file of the given rows."""
    home = Home(folder / "home")
    home.deliver(write_csv(folder / name, rows))
    return home


def test_rows_are_balanced_for_every_snapshot_and_source(refreshed_home: Home) -> None:
    assert refreshed_home.sql(
        "select f.snapshot, f.source, f.rows, "
        "(select count(*) from raw.profiles r where r.snapshot = f.snapshot and r.source_file = f.file) + "
        "(select count(*) from raw.creator_activity r where r.snapshot = f.snapshot and r.source_file = f.file), "
        "(select count(*) from validated.profiles v where v.snapshot = f.snapshot and v.source_file = f.file) + "
        "(select count(*) from validated.creator_activity v "
        "where v.snapshot = f.snapshot and v.source_file = f.file), "
        "(select count(*) from validated.rejected v where v.snapshot = f.snapshot and v.source_file = f.file) "
        "from raw.files f order by all"
    ) == [
        ("2024-03-01", "profiles", 120, 120, 117, 3),
        ("2024-04-01", "creator_activity", 60, 60, 60, 0),
        ("2024-04-01", "profiles", 120, 120, 118, 2),
    ]


def test_what_was_delivered_is_what_is_stored(refreshed_home: Home) -> None:
    expected = creators(120)[20]
    ((raw, typed),) = refreshed_home.sql(
        "select (select r from raw.profiles r where r.snapshot = '2024-03-01' and r.source_row = 21), v "
        "from validated.profiles v where v.snapshot = '2024-03-01' and v.source_row = 21"
    )
    theirs = {"tiktok_id": "id", "avg_engagement_rate": "awg_engagement_rate", "observed_on": "timestamp"}
    for name in ("account_id", "nickname", "biography", "bio_link", "is_verified", "followers", "likes", *theirs):
        assert raw[name] == expected[theirs.get(name, name)]
    assert typed["account_id"] == expected["account_id"]
    assert typed["followers"] == int(expected["followers"])
    assert typed["following"] == int(expected["following"])
    assert typed["avg_engagement_rate"] == pytest.approx(float(expected["awg_engagement_rate"]), rel=1e-11)
    assert typed["is_verified"] is False
    assert typed["observed_on"].isoformat() == "2024-03-01"
    assert typed["bio_link"] == "https://example.org/x"


def test_every_creator_is_assigned_once_and_summed_up_once(refreshed_home: Home) -> None:
    for snapshot, creators_there in (("2024-03-01", 117), ("2024-04-01", 118)):
        where = f"where snapshot = '{snapshot}' and study = '{STUDY}'"
        count = refreshed_home.sql(f"select count(*), count(distinct account_id) from clusters.assignments {where}")
        assert count == [(creators_there, creators_there)]
        ((profiles, fitted, share),) = refreshed_home.sql(
            f"select sum(profiles), sum(profiles_in_fit), sum(share) from personas.summaries {where}"
        )
        assert profiles == creators_there
        assert fitted == refreshed_home.value(f"select count(*) from clusters.assignments {where} and in_fit")
        assert fitted == refreshed_home.value(
            f"select value from clusters.fits {where} and statistic = 'rows_in_fit'"
        )
        assert share == pytest.approx(1)


def test_the_stored_means_are_those_of_the_stored_profiles(refreshed_home: Home) -> None:
    """Recomputed by SQL from the validated rows, by another way than the pipeline's."""
    wrong = refreshed_home.value(
        "with mine as (select a.snapshot, s.persona, avg(p.followers) as mean from clusters.assignments a "
        "join validated.profiles p using (snapshot, account_id) "
        "join personas.summaries s on s.snapshot = a.snapshot and s.study = a.study and s.cluster = a.cluster "
        "where a.in_fit group by all) "
        "select count(*) from mine full join (select * from personas.features where base = 'fitted' and "
        "feature = 'followers') f using (snapshot, persona) where f.mean is distinct from mine.mean "
        "and not abs(f.mean - mine.mean) < 1e-6 * mine.mean"
    )
    assert wrong == 0


def test_the_published_copy_is_the_warehouse_without_raw(refreshed_home: Home) -> None:
    own = {name: rows for name, rows in refreshed_home.tables().items() if not name.startswith("raw.")}
    published = refreshed_home.tables(published=True)
    assert set(published) == set(own)
    for name in set(own) - {"validated.rejected"}:
        assert published[name] == own[name], name
    assert len(published["validated.rejected"]) == len(own["validated.rejected"]) == 5
    columns = "select column_name from information_schema.columns where table_name = 'rejected'"
    assert ("record",) not in refreshed_home.sql(columns, published=True)


def test_the_views_show_the_newest_snapshot_and_all_of_them(refreshed_home: Home) -> None:
    newest = refreshed_home.sql(f"select snapshot, count(*) from segments.{STUDY} group by 1", published=True)
    assert newest == [("2024-04-01", 118)]
    history = f"select snapshot, count(*) from segments.{STUDY}_history group by 1 order by 1"
    assert refreshed_home.sql(history, published=True) == [("2024-03-01", 117), ("2024-04-01", 118)]
    assert refreshed_home.value("select version from meta.version", published=True) == VERSION


@pytest.mark.slow
def test_a_second_refresh_gives_identical_tables(copied_home: Home, call: Callable[..., Said]) -> None:
    before = copied_home.tables()
    before_published = copied_home.tables(published=True)
    again = ("refresh", "--all", "--snapshot", "2024-04-01", "--study", STUDY)
    assert call(copied_home.path, *again).code == 0
    assert copied_home.tables() == before
    assert copied_home.tables(published=True) == before_published


@pytest.mark.slow
@pytest.mark.parametrize(("bad", "total"), [(120, 120), (61, 120)], ids=["all bad", "more than half bad"])
def test_a_bad_snapshot_fails_clearly_and_changes_nothing_after_raw(copied_home: Home, bad: int, total: int) -> None:
    before = copied_home.tables()
    published = copied_home.settings.published_file.read_bytes()
    rows = spoiled(creators(total), bad, followers="-1")
    copied_home.deliver(write_csv(copied_home.path.parent / "profiles_2024-03-01.csv", rows))
    result = copied_home.refresh("2024-03-01")
    assert not result.success
    told = reasons_of(result)
    assert f"snapshot 2024-03-01, profiles: {bad} of {total} rows are rejected (at most half may be)" in told
    assert f"followers: expected 0 to {MOST_FOLLOWERS} ({bad})" in told
    assert "See validated.rejected; the other validated tables stay as they were" in told
    assert "tiktok-pipeline sql --warehouse" in told, "the published file does not have them"
    after = copied_home.tables()
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"raw.files", "raw.profiles", "validated.rejected"}
    where = "where snapshot = '2024-03-01'"
    assert copied_home.value(f"select count(*) from raw.profiles {where}") == total
    assert copied_home.value(f"select count(*) from validated.rejected {where}") == bad
    assert copied_home.value(f"select count(*) from validated.rejected {where} and record is not null") == bad
    assert copied_home.settings.published_file.read_bytes() == published


def test_half_of_the_rows_bad_is_still_taken(tmp_path: Path) -> None:
    home = delivered(tmp_path, spoiled(creators(60), 30, followers="-1"))
    assert home.refresh("2024-03-01", selection=UNTIL_VALIDATED).success
    assert home.value("select count(*) from validated.profiles") == 30


@pytest.mark.slow
def test_a_new_snapshot_leaves_the_older_ones_untouched(copied_home: Home) -> None:
    where = "snapshot < '2024-05-01'"
    before, before_published = copied_home.tables(where=where), copied_home.tables(published=True, where=where)
    home = copied_home
    home.deliver(write_csv(home.path.parent / "new.csv", creators(90, seed=8, day="2024-05-01")))
    assert home.refresh("2024-05-01").success
    assert home.tables(where=where) == before
    assert home.tables(published=True, where=where) == before_published
    assert home.value(f"select count(*) from segments.{STUDY}", published=True) == 90


@pytest.mark.slow
def test_a_snapshot_of_activity_alone_is_green_and_the_view_keeps_the_last_profiles(copied_home: Home) -> None:
    path = write_csv(copied_home.path.parent / "activity.csv", activity(40))
    copied_home.deliver(path, snapshot="2024-06-01")
    result = copied_home.refresh("2024-06-01")
    assert result.success
    assert "published" in materialized(result)
    where = "where snapshot = '2024-06-01'"
    assert copied_home.value(f"select count(*) from features.creator_activity {where}") == 40
    for table in ("validated.profiles", "clusters.k_scores", "clusters.models", "clusters.assignments"):
        assert copied_home.value(f"select count(*) from {table} {where}") == 0
    assert copied_home.value(f"select count(*) from personas.summaries {where}") == 0
    newest = copied_home.sql(f"select distinct snapshot from segments.{STUDY}", published=True)
    assert newest == [("2024-04-01",)]


@pytest.mark.slow
def test_activity_alone_in_a_new_home_is_green_with_empty_study_tables(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.deliver(write_csv(tmp_path / "creator_activity_2024-06-01.csv", activity(40)))
    assert home.refresh("2024-06-01").success
    assert home.value(f"select count(*) from segments.{STUDY}", published=True) == 0


@pytest.mark.slow
def test_too_few_profiles_are_green_with_a_warning_and_no_segment(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home = delivered(tmp_path, creators(3))
    result = home.refresh("2024-03-01")
    assert result.success
    log = capfd.readouterr().err
    assert f"WARNING - refresh - {result.run_id} - {STUDY}_model - {STUDY}: no model was fitted" in log
    assert home.sql(f"select persona, count(*) from segments.{STUDY} group by 1", published=True) == [
        (NOT_ENOUGH_DATA, 3)
    ]
    assert home.value("select count(*) from clusters.models") == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "function",
    [(study_assets, "fit_study"), (publishing, "atomic_replace")],
    ids=["while fitting", "while publishing"],
)
def test_a_refresh_killed_in_the_middle_does_not_block_the_next(
    copied_home: Home, call: Callable[..., Said], function: tuple[ModuleType, str]
) -> None:
    home = copied_home
    older = "snapshot < '2024-05-01'"
    before = home.tables(published=True, where=older)
    scrape = write_csv(home.path.parent / "new.csv", creators(90, seed=8, day="2024-05-01"))
    undisturbed = Home(home.path.parent / "undisturbed")
    shutil.copytree(home.path, undisturbed.path)
    kill_refresh(home.path, scrape, while_in=function)
    assert home.tables(published=True, where=older) == before
    assert home.value(f"select count(*) from segments.{STUDY} where snapshot = '2024-05-01'", published=True) == 0
    said = call(home.path, "refresh", scrape, "--study", STUDY)
    assert said.code == 0, said.err
    with DagsterInstance.from_config(str(home.settings.dagster_home)) as instance:
        states = [run.status.value for run in instance.get_runs()]
    assert states[:2] == ["SUCCESS", "FAILURE"], "a killed run that counts as running would block the queue of the UI"
    assert call(undisturbed.path, "refresh", scrape, "--study", STUDY).code == 0
    where = "snapshot = '2024-05-01'"
    assert home.tables(where=where) == undisturbed.tables(where=where)
    assert home.tables(published=True, where=where) == undisturbed.tables(published=True, where=where)
    assert home.tables(published=True, where=older) == before
    published = sorted(path.name for path in home.settings.published_file.parent.iterdir())
    assert published == ["tiktok.duckdb", "tiktok.duckdb.sha256"]


SIXTH = '''
"""Size alone."""
from tiktok_pipeline.recipes.personas import Persona, PersonaCatalog
from tiktok_pipeline.recipes.segmentation import Scaling, Segmentation
from tiktok_pipeline.study import Study

def _persona(name, followers):
    return Persona(name=name, description="d", strategic_value="s", recommendation="r",
                   typical={"followers": followers, "likes": 20.0 * followers}, profiles=30)

STUDY = Study(
    name="size_segments",
    question="How do creators differ by size alone?",
    published_in="our own",
    segmentation=Segmentation(
        features=("followers", "likes"),
        scaling=Scaling(scaler="standard", log1p=("followers", "likes")),
        k=2,
        personas=PersonaCatalog(personas=(_persona("Small", 3e3), _persona("Large", 5e4))),
    ),
)
'''


@pytest.mark.slow
def test_a_sixth_study_is_one_more_file(copied_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing else edited it has its assets, its rows in every table, and its view; the others keep theirs."""
    import importlib

    folder = copied_home.path.parent / "more_studies"
    folder.mkdir()
    (folder / "__init__.py").write_text("", encoding="utf-8")
    (folder / "size_segments.py").write_text(SIXTH, encoding="utf-8")
    shutil.copy(Path(__file__).parents[1] / "tiktok_pipeline" / "studies" / f"{STUDY}.py", folder)
    monkeypatch.syspath_prepend(str(folder.parent))
    studies = load_studies(importlib.import_module("more_studies"))
    old = copied_home.sql("select * from personas.summaries order by all")
    home = Home(copied_home.path, studies=studies)
    assert home.refresh("2024-03-01").success
    for table in ("k_scores", "models", "fits", "assignments"):
        assert home.value(f"select count(*) > 0 from clusters.{table} where study = 'size_segments'")
    found = home.sql("select persona, count(*) from segments.size_segments group by 1 order by 1", published=True)
    assert [persona for persona, _ in found] == ["Large", "Small"]
    assert sum(count for _, count in found) == 117
    assert home.sql("select * from personas.summaries where study <> 'size_segments' order by all") == old


def test_a_new_home_that_a_job_of_dagster_refreshes_has_the_tables_of_the_command_line(
    refreshed_home: Home, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    home.deliver(refreshed_home.settings.raw / "2024-03-01" / "profiles_2024-03-01.csv")
    assert home.refresh("2024-03-01").success
    where = "snapshot = '2024-03-01'"
    assert home.tables(where=where) == refreshed_home.tables(where=where)


PUBLISHED = {  # profiles_in_fit, then the means of followers, rate, following, likes, videos and badge as published
    "Mid-Tier Mainstream Influencers": (428, "106622 0.0176 792.0 2874820 422.66 0"),
    "Celebrity Accounts": (2, "12500000 0.0095 29.5 605250000 1590 0.5"),
    "Niche Engagement Specialists": (170, "69711.4 0.1020 776.9 1858375 155.32 0"),
    "Community Builders": (67, "22703.6 0.0186 7482.75 212837 580.25 0"),
    "Verified Content Creators": (16, "1452662 0.0313 253.25 32207740 590.25 1"),
}
ALL_PROFILES = {
    "Mid-Tier Mainstream Influencers": 428,
    "Celebrity Accounts": 2,
    "Niche Engagement Specialists": 486,
    "Community Builders": 67,
    "Verified Content Creators": 17,
}
INERTIAS = (4182.87, 3168.68, 2533.30, 1998.32, 1730.92, 1447.39, 1314.20, 1157.78, 1052.97)
MEANS = f"""
    select s.persona, s.profiles_in_fit, avg(p.followers), avg(p.avg_engagement_rate), avg(p.following), avg(p.likes),
           avg(p.videos_count), avg(p.is_verified::int)
    from clusters.assignments as a
    join personas.summaries as s on s.snapshot = a.snapshot and s.study = a.study and s.cluster = a.cluster
    join validated.profiles as p on p.snapshot = a.snapshot and p.account_id = a.account_id
    where a.study = '{STUDY}' and a.in_fit
    group by all
"""


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "inertias_to"),
    [
        ("profiles_2023-08-12.csv", 0.005001),
        pytest.param("profiles_2023-08-12_excel.csv", 0.1, marks=pytest.mark.slow),
    ],
)
def test_the_published_table_comes_out_to_the_digit(
    real_data: Callable[[str], Path], tmp_path: Path, name: str, inertias_to: float
) -> None:
    home = Home(tmp_path / "home")
    home.deliver(real_data(name))
    result = home.refresh("2023-08-12")
    assert result.success, reasons_of(result)
    found = {row[0]: row[1:] for row in home.sql(MEANS, published=True)}
    assert set(found) == set(PUBLISHED)
    for persona, (in_fit, figures) in PUBLISHED.items():
        count, *means = found[persona]
        assert count == in_fit
        for mean, figure in zip(means, figures.split(), strict=True):
            printed = float(f"{mean:.7g}")  # what they printed had seven digits
            assert f"{printed:.{len(figure.partition('.')[2])}f}" == figure, persona
    stored = "select persona, feature, mean from personas.features where base = 'fitted' and feature = 'followers'"
    for persona, _, mean in home.sql(stored, published=True):
        assert mean == pytest.approx(found[persona][1], rel=1e-8)  # stored to nine digits
    profiles = dict(home.sql("select persona, profiles from personas.summaries", published=True))
    assert profiles == ALL_PROFILES
    scores = home.sql("select k, inertia from clusters.k_scores order by k", published=True)
    assert [k for k, _ in scores] == list(range(2, 11))
    assert [inertia for _, inertia in scores] == pytest.approx(INERTIAS, abs=inertias_to)
    assert home.value("select value from clusters.fits where statistic = 'inertia'") == pytest.approx(
        1998.39, abs=0.1
    )
