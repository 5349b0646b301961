"""What became of segments, by hand and by rules that always hold."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiktok_pipeline.personas.transitions import JOINT_COLUMNS, lifecycle, migrations, moved_shares

Counts = tuple[bool, str | None, str, str, int]


def joint(*rows: Counts) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(JOINT_COLUMNS))


def fates(counts: pd.DataFrame, before: list[str], now: list[str]) -> list[tuple[str, str | None, str | None]]:
    rows = lifecycle(counts, segments_before=before, segments=now, shifts={}, previous_snapshot="2024-01-01")
    return [
        (row["transition"], row["persona_before"], row["persona"])
        for row in rows.astype(object).where(rows.notna(), None).to_dict("records")
    ]


def test_who_moved_and_what_the_model_did() -> None:
    counts = joint(
        (True, "a", "a", "a", 90),
        (True, "a", "b", "b", 6),
        (True, "a", "a", "b", 3),
        (True, "a", "b", "a", 1),
        (False, None, "a", "a", 5),
    )
    table = migrations(counts, {"a": 7, "b": 0}, previous_snapshot="2024-01-01", previous_content="hash")
    texts = table.astype(object).where(table.notna(), None)
    shown = ["kind", "persona_before", "persona", "creators", "creator_moved", "model_moved"]
    assert texts[shown].to_numpy().tolist() == [
        ["arrival", None, "a", 5, 0, 0],
        ["both", "a", "a", 91, 1, 1],
        ["both", "a", "b", 9, 6, 3],
        ["departure", "a", None, 7, 0, 0],
    ]
    assert moved_shares(table) == {"creator_moved_share": 0.07, "model_moved_share": 0.04}


def test_a_value_that_was_missing_is_no_move() -> None:
    counts = joint(
        (True, "a", "a", "a", 96),
        (True, "a", "b", "b", 4),
        (True, "Not enough data", "a", "a", 50),
        (True, "a", "Not enough data", "Not enough data", 50),
    )
    table = migrations(counts, {}, previous_snapshot="2024-01-01", previous_content="")
    assert moved_shares(table) == {"creator_moved_share": 0.04, "model_moved_share": 0.0}


def test_without_creators_in_both_there_is_no_share() -> None:
    table = migrations(joint((False, None, "a", "a", 5)), {}, previous_snapshot="2024-01-01", previous_content="")
    assert moved_shares(table) == {"creator_moved_share": None, "model_moved_share": None}


@pytest.mark.parametrize(
    ("rows", "now", "expected"),
    [
        ([("a", "a", 70), ("a", "b", 30)], ["a", "b"], [("survived", "a", "a"), ("emerged", None, "b")]),
        ([("a", "b", 69), ("a", "c", 31)], ["b", "c"], [("split", "a", "b"), ("split", "a", "c")]),
        (
            [("a", "b", 69), ("a", "c", 29), ("a", "d", 2)],
            ["b", "c", "d"],
            [("vanished", "a", None), ("emerged", None, "b"), ("emerged", None, "c"), ("emerged", None, "d")],
        ),
        ([], ["b"], [("vanished", "a", None), ("emerged", None, "b")]),
    ],
    ids=["survives from 0.7", "splits from 0.3", "vanishes below", "nobody"],
)
def test_the_thresholds(
    rows: list[tuple[str, str, int]], now: list[str], expected: list[tuple[str, str | None, str | None]]
) -> None:
    counts = joint(*((True, before, before, after, size) for before, after, size in rows))
    assert fates(counts, ["a"], now) == expected


def test_two_segments_that_go_on_as_one_are_merged() -> None:
    counts = joint((True, "a", "a", "c", 80), (True, "b", "b", "c", 90), (True, "b", "b", "d", 10))
    assert fates(counts, ["a", "b"], ["c", "d"]) == [
        ("merged", "a", "c"),
        ("merged", "b", "c"),
        ("emerged", None, "d"),
    ]


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from("abc"), st.sampled_from("xyz"), st.integers(1, 50)),
        min_size=1,
        max_size=20,
        unique_by=lambda row: row[:3],
    )
)
def test_every_segment_has_a_fate(rows: list[tuple[str, str, str, int]]) -> None:
    counts = joint(*((True, *row) for row in rows))
    found = fates(counts, list("abc"), list("xyz"))
    assert {before for _, before, _ in found if before} == set("abc")
    assert {now for _, _, now in found if now} == set("xyz")
    table = migrations(counts, {}, previous_snapshot="2024-01-01", previous_content="")
    assert table["creators"].sum() == sum(row[3] for row in rows)
    changed = table[table["persona_before"] != table["persona"]]
    assert (changed["creator_moved"] + changed["model_moved"] >= changed["creators"]).all()
