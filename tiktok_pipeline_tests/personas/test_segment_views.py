"""The views that analysts query in a published file: segments, scores, and both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tiktok_pipeline.classifiers.schema import SCORES_TABLE
from tiktok_pipeline.clusters.effect_size import fit_statistics
from tiktok_pipeline.clusters.schema import ASSIGNMENTS_TABLE, FITS_TABLE, MODELS_TABLE
from tiktok_pipeline.creators.schema import IDENTITIES_TABLE, MOVES_TABLE
from tiktok_pipeline.features.schema import POSTING_TABLE
from tiktok_pipeline.personas.schema import MIGRATIONS_TABLE, SUMMARIES_TABLE
from tiktok_pipeline.personas.segment_views import segment_views
from tiktok_pipeline.validated.schema import ACTIVITY_TABLE, PROFILES_TABLE
from tiktok_pipeline.warehouse.base import TableSpec, View
from tiktok_pipeline.warehouse.duckdb.connection import query
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.features.frames import validated

OLD, NEW = "2025-12-31", "2026-01-31"
KEYS = ["snapshot", "account_id"]
OF_SEGMENT = ["persona", "verdict", "cluster", "margin", "distance", "in_fit", "is_beyond_fit"]
OF_SEGMENT += ["runner_up", "runner_up_margin"]
OF_FIT = ["basis", "note"]
OF_SCORE = ["score", "predicted", "out_of_fold"]
OF_PROFILE = [name for name in PROFILES_TABLE.frame_names if name != "account_id"]
OF_CREATORS = [IDENTITIES_TABLE, MOVES_TABLE, MIGRATIONS_TABLE]
OF_CLUSTERS = [ASSIGNMENTS_TABLE, FITS_TABLE, MODELS_TABLE, SUMMARIES_TABLE]
SEGMENTS = [("a", 0, True, 0.25, 1.5), ("b", 1, False, 0.0, 9.0), ("c", None, False, None, None)]
PERSONAS = [(0, "small", "stable"), (1, "large", "too small"), (None, "Not enough data", "no segment")]
SCORES = [("a", 0.9, True, True), ("c", 0.1, False, False)]
Published = Callable[[tuple[View, View]], Path]


def assignments() -> pd.DataFrame:
    frame = pd.DataFrame(SEGMENTS, columns=["account_id", "cluster", "in_fit", "margin", "distance"])
    frame["runner_up"] = pd.array([1, 0, None], dtype="Int64")
    frame["runner_up_margin"] = pd.array([0.5, 0.75, None], dtype="Float64")
    return frame.astype({"cluster": "Int64"})[ASSIGNMENTS_TABLE.frame_names]


def summaries() -> pd.DataFrame:
    frame = pd.DataFrame(PERSONAS, columns=["cluster", "persona", "verdict"]).astype({"cluster": "Int64"})
    frame = frame.assign(profiles=1, profiles_in_fit=1, share=1 / 3, match_distance=0.0)
    frame = frame.assign(
        farthest_in_fit=pd.Series([2.0, 8.5, None], dtype="float64"),
        profiles_beyond_fit=pd.Series([0, 1, None], dtype="Int64"),
    )
    return frame.assign(description="d", strategic_value="s", recommendation="r")[SUMMARIES_TABLE.frame_names]


def scores(*accounts: str) -> pd.DataFrame:
    frame = pd.DataFrame(SCORES, columns=["account_id", *OF_SCORE]).assign(model="logistic_regression")
    return frame[frame["account_id"].isin(accounts)][SCORES_TABLE.frame_names]


def model() -> pd.DataFrame:
    row = {"cluster": 0, "feature": "likes", "position": 0, "transform": "identity", "fill": None}
    return pd.DataFrame([row | {"center": 0.0, "scale": 1.0, "centroid": 0.0}])[MODELS_TABLE.frame_names]


def fits(**texts: str) -> pd.DataFrame:
    return fit_statistics({"rows": 3.0, "rows_in_fit": 2.0}, **texts)


def posting() -> pd.DataFrame:
    numbers = dict.fromkeys(POSTING_TABLE.frame_names, 1.0)
    texts = {"account_id": "a", "activity": "dormant", "days_since_last_post": 200.0}
    return pd.DataFrame([numbers | texts])


def store_creators(engine: DuckDBWarehouse) -> None:
    """Store who is who in both snapshots, and that creator a moved."""
    for snapshot in (OLD, NEW):
        before = (OLD, "a2") if snapshot == NEW else (None, None)
        cells = [("a", "1", *before), ("b", "2", *before), ("c", "@c", None, None)]
        frame = pd.DataFrame(cells, columns=["account_id", "creator_id", "previous_snapshot", "previous_account_id"])
        identities = frame.assign(identified_by="id", identified_in=None)[IDENTITIES_TABLE.frame_names]
        engine.replace_slice(IDENTITIES_TABLE, {"snapshot": snapshot}, identities)
    move = {"account_id": "a", "creator_id": "1", "previous_snapshot": OLD, "previous_account_id": "a2"}
    move |= {"persona_before": "large", "persona_by_earlier_model": "small", "persona": "small"}
    figures = {"creator_moved": True, "model_moved": False, "margin_before": 0.1, "margin": 0.25}
    of_x = {"snapshot": NEW, "study": "x"}
    engine.replace_slice(MOVES_TABLE, of_x, pd.DataFrame([move | figures])[MOVES_TABLE.frame_names])
    counted = {"kind": "both", "previous_snapshot": OLD, "persona_before": "large", "persona": "small", "creators": 1}
    counted |= {"creator_moved": 1, "model_moved": 0, "previous_content": "-"}
    engine.replace_slice(MIGRATIONS_TABLE, of_x, pd.DataFrame([counted])[MIGRATIONS_TABLE.frame_names])


@pytest.fixture
def published(tmp_path: Path) -> Published:
    """Publishes views over two snapshots of study x; of the old one, two creators have a segment and one a score.

    A study y and, in the newest snapshot, a creator d without anything are there to be left out.
    """

    def publish(views: tuple[View, View]) -> Path:
        engine = DuckDBWarehouse(None)
        profiles = validated(
            engine, [{"account_id": one, "followers": 10 + place} for place, one in enumerate("abcd")]
        )
        engine.replace_slice(PROFILES_TABLE, {"snapshot": OLD}, profiles)
        for snapshot in (OLD, NEW):
            where = {"snapshot": snapshot, "study": "x"}
            engine.replace_slice(MODELS_TABLE, where, model())
            engine.replace_slice(FITS_TABLE, where, fits(basis=f"basis of {snapshot}"))
            engine.replace_slice(SUMMARIES_TABLE, where, summaries())
            engine.replace_slice(ASSIGNMENTS_TABLE, where, assignments()[: 2 if snapshot == OLD else 3])
            engine.replace_slice(SCORES_TABLE, where, scores("a") if snapshot == OLD else scores("a", "c"))
            other = {"snapshot": snapshot, "study": "y"}
            engine.replace_slice(SUMMARIES_TABLE, other, summaries().assign(persona="of another study"))
            engine.replace_slice(ASSIGNMENTS_TABLE, other, assignments().assign(in_fit=False))
            engine.replace_slice(
                POSTING_TABLE, {"snapshot": snapshot}, posting() if snapshot == NEW else posting()[:0]
            )
            engine.replace_slice(SCORES_TABLE, other, scores("a", "c").assign(score=0.5))
        store_creators(engine)
        tables: list[TableSpec] = [PROFILES_TABLE, *OF_CLUSTERS, SCORES_TABLE, POSTING_TABLE, *OF_CREATORS]
        target = tmp_path / "published" / "tiktok.duckdb"
        engine.publish(target, tables=tables, snapshots=[NEW], views=views)
        engine.close()
        return target

    return publish


def rows(file: Path, columns: list[str], view: str = "segments.x") -> list[tuple[Any, ...]]:
    return query(file, f"select {', '.join(columns)} from {view} order by snapshot, account_id")[1]


def columns_of(file: Path, view: str = "segments.x") -> list[str]:
    return query(file, f"select * from {view}")[0]


def test_segments_only(published: Published) -> None:
    file = published(segment_views("x", PROFILES_TABLE))
    for view in ("segments.x", "segments.x_history"):
        assert columns_of(file, view) == [*KEYS, *OF_SEGMENT, *OF_FIT, *OF_PROFILE]
    assert rows(file, [*KEYS, *OF_SEGMENT, "followers"]) == [
        (NEW, "a", "small", "stable", 0, 0.25, 1.5, True, False, "large", 0.5, 10),
        (NEW, "b", "large", "too small", 1, 0.0, 9.0, False, True, "small", 0.75, 11),
        (NEW, "c", "Not enough data", None, None, None, None, False, None, None, None, 12),
    ]
    assert rows(file, KEYS, "segments.x_history") == [(OLD, "a"), (OLD, "b"), (NEW, "a"), (NEW, "b"), (NEW, "c")]


def test_a_view_shows_the_creator_and_the_segment_before(published: Published) -> None:
    """Who moved is listed; who did not, and was there, had the same segment; who was not there had none."""
    views = segment_views("x", PROFILES_TABLE, identities=IDENTITIES_TABLE, moves=MOVES_TABLE)
    file = published(views)
    shown = ["account_id", "creator_id", "persona_before", "persona"]
    assert rows(file, shown) == [
        ("a", "1", "large", "small"),
        ("b", "2", "large", "large"),
        ("c", "@c", None, "Not enough data"),
    ]
    assert rows(file, shown, "segments.x_history")[:2] == [("a", "1", None, "small"), ("b", "2", None, "large")]


def test_profiles_show_whether_they_still_post(published: Published) -> None:
    file = published(segment_views("x", PROFILES_TABLE, posting=POSTING_TABLE))
    assert columns_of(file) == [*KEYS, *OF_SEGMENT, *OF_FIT, "activity", "days_since_last_post", *OF_PROFILE]
    of_posting = ["account_id", "activity", "days_since_last_post"]
    assert rows(file, of_posting) == [("a", "dormant", 200), ("b", None, None), ("c", None, None)]
    assert rows(file, of_posting, "segments.x_history")[0] == ("a", None, None)


def test_segments_and_scores(published: Published) -> None:
    """A creator without a score stays; the score of another snapshot or study is not joined."""
    file = published(segment_views("x", PROFILES_TABLE, scores=SCORES_TABLE))
    for view in ("segments.x", "segments.x_history"):
        assert columns_of(file, view) == [*KEYS, *OF_SEGMENT, *OF_SCORE, *OF_FIT, *OF_PROFILE]
    assert rows(file, [*KEYS, "persona", "in_fit", *OF_SCORE, "followers"], "segments.x_history") == [
        (OLD, "a", "small", True, 0.9, True, True, 10),
        (OLD, "b", "large", False, None, None, None, 11),
        (NEW, "a", "small", True, 0.9, True, True, 10),
        (NEW, "b", "large", False, None, None, None, 11),
        (NEW, "c", "Not enough data", False, 0.1, False, False, 12),
    ]
    assert [row[0] for row in rows(file, KEYS)] == [NEW] * 3


def test_scores_only(published: Published) -> None:
    file = published(segment_views("x", PROFILES_TABLE, scores=SCORES_TABLE, has_segments=False))
    for view in ("segments.x", "segments.x_history"):
        assert columns_of(file, view) == [*KEYS, *OF_SCORE, "model", *OF_PROFILE]
    assert rows(file, [*KEYS, *OF_SCORE, "model", "followers"], "segments.x_history") == [
        (OLD, "a", 0.9, True, True, "logistic_regression", 10),
        (NEW, "a", 0.9, True, True, "logistic_regression", 10),
        (NEW, "c", 0.1, False, False, "logistic_regression", 12),
    ]
    assert rows(file, KEYS) == [(NEW, "a"), (NEW, "c")]


def test_a_study_with_neither_segments_nor_scores_raises() -> None:
    with pytest.raises(ValueError, match="study x has neither segments nor scores"):
        segment_views("x", PROFILES_TABLE, has_segments=False)


@pytest.mark.parametrize("settings", [{}, {"scores": SCORES_TABLE}, {"scores": SCORES_TABLE, "has_segments": False}])
def test_a_study_that_never_ran_has_empty_views(published: Published, settings: dict[str, Any]) -> None:
    file = published(segment_views("never_ran", PROFILES_TABLE, **settings))
    assert rows(file, KEYS, "segments.never_ran") == rows(file, KEYS, "segments.never_ran_history") == []
    assert columns_of(file, "segments.never_ran")[:2] == KEYS


@pytest.fixture
def two_snapshots(engine: DuckDBWarehouse, tmp_path: Path) -> Callable[..., Path]:
    """Publish study x of an old snapshot with a model, and of a new one as the caller fills it."""

    def publish(fill: Callable[[dict[str, str]], None]) -> Path:
        profiles = validated(engine, [{"account_id": "a"}])
        for snapshot in (OLD, NEW):
            engine.replace_slice(PROFILES_TABLE, {"snapshot": snapshot}, profiles)
        old = {"snapshot": OLD, "study": "x"}
        engine.replace_slice(ASSIGNMENTS_TABLE, old, assignments()[:1])
        engine.replace_slice(MODELS_TABLE, old, model())
        engine.replace_slice(FITS_TABLE, old, fits(basis="engagement rates"))
        fill({"snapshot": NEW, "study": "x"})
        target = tmp_path / "tiktok.duckdb"
        views = segment_views("x", PROFILES_TABLE)
        engine.publish(target, tables=[PROFILES_TABLE, *OF_CLUSTERS], snapshots=[NEW], views=views)
        return target

    return publish


def test_the_view_has_the_newest_snapshot_with_the_study(
    engine: DuckDBWarehouse, two_snapshots: Callable[..., Path]
) -> None:
    other = {"snapshot": NEW, "study": "y"}
    target = two_snapshots(lambda _: engine.replace_slice(ASSIGNMENTS_TABLE, other, assignments()[:1]))
    assert rows(target, [*KEYS, "persona", "basis"]) == [(OLD, "a", "Not enough data", "engagement rates")]


def test_a_snapshot_in_which_the_study_could_not_run_does_not_blank_the_view(
    engine: DuckDBWarehouse, two_snapshots: Callable[..., Path]
) -> None:
    def without_model(slice_: dict[str, str]) -> None:
        engine.replace_slice(ASSIGNMENTS_TABLE, slice_, assignments()[2:].assign(account_id="a"))
        engine.replace_slice(FITS_TABLE, slice_, fits(note="likes is missing"))

    target = two_snapshots(without_model)
    assert rows(target, [*KEYS, "note"]) == [(OLD, "a", None)]
    assert rows(target, ["snapshot", "note"], "segments.x_history") == [(OLD, None), (NEW, "likes is missing")]
    engine.replace_slice(MODELS_TABLE, {"snapshot": OLD, "study": "x"}, model()[:0])
    views = segment_views("x", PROFILES_TABLE)
    engine.publish(target, tables=[PROFILES_TABLE, *OF_CLUSTERS], snapshots=[OLD], views=views)
    assert rows(target, ["snapshot", "persona", "note"]) == [(NEW, "Not enough data", "likes is missing")]


def test_a_study_of_activity_has_the_columns_of_its_own_source(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    target = tmp_path / "tiktok.duckdb"
    tables = [ACTIVITY_TABLE, *OF_CLUSTERS]
    engine.publish(target, tables=tables, snapshots=[NEW], views=segment_views("x", ACTIVITY_TABLE))
    own = [name for name in ACTIVITY_TABLE.frame_names if name != "account_id"]
    assert "engagement_index" in own
    assert columns_of(target) == [*KEYS, *OF_SEGMENT, *OF_FIT, *own]
