"""One creator, whatever the handle, and whatever the order in which snapshots arrive."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tiktok_pipeline.analysis.creator_tables import outdated_comparisons
from tiktok_pipeline.creators.schema import (
    COMPARISONS_TABLE,
    DEPARTURES_TABLE,
    GROWTH_TABLE,
    HANDLES_VIEW,
    IDENTITIES_TABLE,
)
from tiktok_pipeline_tests.creators.homes import CreatorHome, Profile, profile

JAN, FEB, MAR = "2024-01-01", "2024-02-01", "2024-03-01"
APR, MAY = "2024-04-01", "2024-05-01"
TABLES_OF_CREATORS = [IDENTITIES_TABLE, DEPARTURES_TABLE, GROWTH_TABLE, COMPARISONS_TABLE]
A, B, C = "6900000000000000001", "6900000000000000002", "6900000000000000003"


def renewed(home: CreatorHome, arrived: str) -> list[str]:
    """Compute again what is outdated, as a refresh does; return the snapshots."""
    done: list[str] = []
    while left := [key for key in outdated_comparisons(home.warehouse, [arrived, *done]) if key not in done]:
        home.compute(left[0])
        done.append(left[0])
    return done


def test_a_renamed_creator_is_the_same_one() -> None:
    home = CreatorHome()
    home.arrive(JAN, [profile("old.name", A), profile("other", B)])
    home.arrive(FEB, [profile("new.name", A), profile("other", B)])
    assert home.creators(FEB) == {"new.name": A, "other": B}
    row = home.row(IDENTITIES_TABLE, FEB, "new.name")
    assert (row["previous_snapshot"], row["previous_account_id"]) == (JAN, "old.name")
    (comparison,) = home.rows(COMPARISONS_TABLE, FEB).to_dict("records")
    counted = {name: comparison[name] for name in ("creators", "in_both", "arrivals", "departures", "renamed")}
    assert counted == {"creators": 2, "in_both": 2, "arrivals": 0, "departures": 0, "renamed": 1}


def test_a_handle_that_passes_to_another_id_is_another_creator() -> None:
    home = CreatorHome()
    home.arrive(JAN, [profile("prize", A)])
    home.arrive(FEB, [profile("prize", B), profile("former.prize", A)])
    assert home.row(IDENTITIES_TABLE, FEB, "prize")["previous_snapshot"] is None
    assert home.row(IDENTITIES_TABLE, FEB, "former.prize")["previous_account_id"] == "prize"


@pytest.mark.parametrize("tiktok_id", [None, "0", "1234", "0000"])
def test_a_row_without_a_usable_id_is_the_creator_that_has_the_handle_in_the_nearest_snapshot(
    tiktok_id: str | None,
) -> None:
    home = CreatorHome()
    home.arrive(JAN, [profile("name", A)])
    home.arrive(MAR, [profile("name", B)])
    home.arrive("2024-02-20", [profile("name", tiktok_id), profile("unheard.of", tiktok_id)])
    assert home.creators("2024-02-20") == {"name": B, "unheard.of": "@unheard.of"}
    assert home.row(IDENTITIES_TABLE, "2024-02-20", "name")["identified_in"] == MAR


def test_an_id_that_several_handles_share_identifies_nobody() -> None:
    home = CreatorHome()
    home.arrive(JAN, [profile("x", A), profile("y", A), profile("z", B)])
    assert home.creators(JAN) == {"x": "@x", "y": "@y", "z": B}


def test_an_id_that_is_there_already_is_not_given_to_a_handle() -> None:
    home = CreatorHome()
    home.arrive(JAN, [profile("name", A)])
    home.arrive(FEB, [profile("name", None), profile("new.name", A)])
    assert home.creators(FEB) == {"name": "@name", "new.name": A}


def test_leading_zeros_do_not_make_another_creator() -> None:
    home = CreatorHome()
    home.arrive(JAN, [profile("name", f"0{A}")])
    assert home.creators(JAN) == {"name": A}


ARRIVALS: dict[str, list[Profile]] = {
    JAN: [profile("one", A), profile("two", B, followers=50), profile("three", None)],
    FEB: [profile("one.new", A, followers=1_500), profile("three", C)],
    MAR: [profile("one.new", None), profile("two", B, followers=75), profile("three", None)],
}


def arrived(order: Sequence[str]) -> CreatorHome:
    home = CreatorHome()
    for snapshot in order:
        home.arrive(snapshot, ARRIVALS[snapshot])
        renewed(home, snapshot)
    return home


@pytest.fixture(scope="module")
def in_order() -> CreatorHome:
    return arrived([JAN, FEB, MAR])


@pytest.mark.parametrize("order", [(JAN, MAR, FEB), (FEB, MAR, JAN), (MAR, FEB, JAN)], ids=" ".join)
def test_the_order_of_arrival_does_not_matter(in_order: CreatorHome, order: Sequence[str]) -> None:
    home, expected = arrived(order), in_order
    for snapshot in ARRIVALS:
        for table in TABLES_OF_CREATORS:
            rows, wanted = home.rows(table, snapshot), expected.rows(table, snapshot)
            assert rows.astype("string").equals(wanted.astype("string")), (snapshot, str(table))
    assert home.creators(MAR) == {"one.new": A, "two": B, "three": C}
    assert home.creators(JAN)["three"] == C, "the id that became known later"


def test_a_late_snapshot_leaves_only_its_successor_out_of_date() -> None:
    home = CreatorHome()
    everyone = [profile("one", A), profile("two", B)]
    for snapshot in (JAN, MAR, "2024-04-01", "2024-05-01"):
        home.arrive(snapshot, everyone)
    home.arrive(FEB, everyone)
    assert renewed(home, FEB) == [MAR]
    assert renewed(home, FEB) == []


def test_a_pruned_snapshot_leaves_nothing_out_of_date() -> None:
    home = CreatorHome()
    home.arrive(JAN, [profile("name", A)])
    home.arrive(FEB, [profile("name", None)])
    home.arrive(MAR, [profile("name", A)])
    home.warehouse.drop_snapshots(TABLES_OF_CREATORS, [JAN])
    assert renewed(home, MAR) == []


@pytest.mark.parametrize(
    ("first", "second", "note"),
    [
        ([], [profile("a", A)], "no creator is also in snapshot 2024-01-01"),
        ([profile("a", A)], [], "the snapshot has no creator"),
        ([profile("a", A)], [profile("b", B)], "no creator is also in snapshot 2024-01-01"),
        (
            [profile("a", None)],
            [profile("b", None)],
            "no creator is also in snapshot 2024-01-01; no row has a usable id",
        ),
        ([profile("a", A)], [profile("a", A)], None),
    ],
    ids=["somebody else before", "empty", "nobody in common", "no ids", "the same"],
)
def test_what_cannot_be_compared_has_a_reason(first: list[Profile], second: list[Profile], note: str | None) -> None:
    home = CreatorHome()
    home.arrive(JAN, first or [profile("z", C)])
    home.arrive(FEB, second)
    assert home.rows(COMPARISONS_TABLE, FEB)["note"].tolist() == [note]
    assert home.rows(COMPARISONS_TABLE, JAN)["note"].tolist() == ["there is no earlier snapshot"]
    assert home.rows(GROWTH_TABLE, JAN).empty


def test_everybody_may_be_renamed_at_once() -> None:
    home = CreatorHome()
    home.arrive(JAN, [profile(f"old.{key}", key) for key in (A, B, C)])
    home.arrive(FEB, [profile(f"new.{key}", key) for key in (A, B, C)])
    (counts,) = home.rows(COMPARISONS_TABLE, FEB).to_dict("records")
    assert {name: counts[name] for name in ("in_both", "arrivals", "departures", "renamed")} == {
        "in_both": 3,
        "arrivals": 0,
        "departures": 0,
        "renamed": 3,
    }
    assert len(home.rows(GROWTH_TABLE, FEB)) == 3


def test_of_two_handles_of_a_creator_in_one_snapshot_the_known_one_goes_on() -> None:
    home = CreatorHome()
    home.arrive(JAN, [profile("x", A), profile("z", B)])
    home.arrive(FEB, [profile("x", A), profile("x.copy", A), profile("z", B)])
    home.arrive(MAR, [profile("x", A), profile("z", B)])
    assert home.creators(FEB) == {"x": A, "x.copy": "@x.copy", "z": B}
    assert home.rows(GROWTH_TABLE, FEB)["account_id"].tolist() == ["x", "z"]
    assert home.row(IDENTITIES_TABLE, MAR, "x")["previous_snapshot"] == FEB


def test_a_snapshot_of_a_dialect_without_ids_and_rates_is_compared_in_what_it_has() -> None:
    home = CreatorHome()
    home.arrive(JAN, [profile("name", None, likes=None, videos_count=None), profile("other", None)])
    home.arrive(FEB, [profile("name", A, followers=1_100, avg_engagement_rate=0.1), profile("other", None)])
    assert renewed(home, FEB) == [JAN, FEB], "the id of the handle is known now"
    row = home.row(GROWTH_TABLE, FEB, "name")
    assert (row["previous_snapshot"], row["followers_gained"], row["likes_gained"]) == (JAN, 100, None)
    assert (row["engagement_change"], row["videos_per_week"], row["flags"]) == (None, None, None)


def departures_of(home: CreatorHome, snapshot: str) -> list[tuple[str, str, str]]:
    rows = home.rows(DEPARTURES_TABLE, snapshot)
    return [tuple(row) for row in rows[["account_id", "creator_id", "previous_snapshot"]].to_numpy()]


def test_who_left_is_listed_with_the_last_handle() -> None:
    home = CreatorHome()
    home.arrive(JAN, [profile("one", A), profile("two", None)])
    home.arrive(FEB, [profile("one", A)])
    home.arrive(MAR, [profile("three", C)])
    assert departures_of(home, JAN) == []
    assert departures_of(home, FEB) == [("two", "@two", JAN)]
    assert departures_of(home, MAR) == [("one", A, FEB)]


@pytest.mark.parametrize("pruned", [FEB, MAR, APR])
def test_a_creator_that_returns_is_found_whatever_was_pruned_in_between(pruned: str) -> None:
    home = CreatorHome()
    home.arrive(JAN, [profile("old", A), profile("two", B)])
    for snapshot in (FEB, MAR, APR):
        home.arrive(snapshot, [profile("two", B)])
    home.warehouse.drop_snapshots(TABLES_OF_CREATORS, [pruned])
    home.arrive(MAY, [profile("new", A), profile("two", B)])
    row = home.row(IDENTITIES_TABLE, MAY, "new")
    assert (row["previous_snapshot"], row["previous_account_id"]) == (JAN, "old")


def test_snapshots_of_an_older_program_list_no_departures_and_are_read_as_a_whole() -> None:
    home = CreatorHome()
    home.arrive(JAN, [profile("old", A), profile("two", B)])
    home.arrive(FEB, [profile("two", B)])
    home.arrive(MAR, [profile("two", B)])
    home.warehouse.drop_snapshots([DEPARTURES_TABLE], [JAN, FEB, MAR])
    home.arrive(APR, [profile("new", A), profile("two", B)])
    assert home.row(IDENTITIES_TABLE, APR, "new")["previous_snapshot"] == JAN


def test_a_withdrawn_file_leaves_its_successor_out_of_date() -> None:
    home = CreatorHome()
    home.arrive(JAN, [profile("one", A), profile("two", B)])
    home.arrive(FEB, [profile("one", A), profile("two", B)])
    home.arrive(JAN, [profile("one", A)])
    assert renewed(home, JAN) == [FEB]
    assert home.row(IDENTITIES_TABLE, FEB, "two")["previous_snapshot"] is None
    assert home.rows(GROWTH_TABLE, FEB)["account_id"].tolist() == ["one"]


def test_the_accounts_of_an_activity_file_are_not_counted_as_creators_that_came() -> None:
    home = CreatorHome()
    home.arrive(JAN, [profile("a", A)])
    home.arrive(FEB, [profile("a", A), profile("b", B)], activity=["1", "2", "3"])
    home.arrive(MAR, [profile("a", A), profile("b", B)])
    counts = home.rows(COMPARISONS_TABLE, FEB)[["creators", "in_both", "arrivals", "departures"]]
    assert counts.to_numpy().tolist() == [[2, 1, 1, 0]]
    counts = home.rows(COMPARISONS_TABLE, MAR)[["creators", "in_both", "arrivals", "departures"]]
    assert counts.to_numpy().tolist() == [[2, 2, 0, 0]]
    assert len(home.creators(FEB)) == 5


def test_the_handles_of_a_creator_are_spans() -> None:
    home = CreatorHome()
    home.arrive(JAN, [profile("first", A)])
    home.arrive(FEB, [profile("second", A)])
    home.arrive(MAR, [profile("first", A)])
    rows = home.warehouse.read_snapshots(IDENTITIES_TABLE, [JAN, FEB, MAR]).to_native()
    spans = rows.query("identities", HANDLES_VIEW.sql.replace(str(IDENTITIES_TABLE), "identities") + " order by 3")
    assert spans.fetchall() == [
        (A, "first", JAN, JAN, FEB),
        (A, "second", FEB, FEB, MAR),
        (A, "first", MAR, MAR, None),
    ]
