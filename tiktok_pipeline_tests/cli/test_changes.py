"""``tiktok-pipeline changes`` and ``history``: what changed, held to the tables of the published file."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from tiktok_pipeline.cli.console import FAILED, USAGE_ERROR
from tiktok_pipeline.features.drift import MODERATE
from tiktok_pipeline.upkeep.changes import DRIFTED
from tiktok_pipeline_tests.homes import Home, Said
from tiktok_pipeline_tests.scrapes import HANDLE, LATER_HANDLE, NUMBER

Call = Callable[..., Said]
MARCH, APRIL, STUDY = "2024-03-01", "2024-04-01", "influencer_segments"


def document(call: Call, home: Home, *arguments: str) -> dict[str, Any]:
    result = call(home.path, *arguments, "--json")
    assert (result.code, result.err) == (0, "")
    found: dict[str, Any] = json.loads(result.out)
    assert (found.pop("ok"), found.pop("error")) == (True, None)
    return found


def test_the_lists_agree_with_the_tables(refreshed_home: Home, call: Call) -> None:
    found = document(call, refreshed_home, "changes")
    assert (found["snapshot"], found["previous_snapshot"]) == (APRIL, MARCH)
    profiles = "(select tiktok_id, account_id from validated.profiles where snapshot = '{}')"
    ((both, renamed),) = refreshed_home.sql(
        f"select count(*), count(*) filter (where a.account_id <> b.account_id) from {profiles.format(MARCH)} as a "
        f"join {profiles.format(APRIL)} as b using (tiktok_id)",
        published=True,
    )
    (counts,) = found["creators"]
    assert (counts["in_both"], counts["renamed"], renamed) == (both, 1, 1)
    assert counts["creators"] == counts["in_both"] + counts["arrivals"]
    # April has an activity file, too: accounts without a profile are no creators that came.
    with_profile = f"select count(*) from validated.profiles where snapshot = '{APRIL}'"
    assert counts["creators"] == refreshed_home.value(with_profile, published=True)
    assert counts["creators_before"] == counts["in_both"] + counts["departures"]
    (renaming,) = found["renamed"]
    assert (renaming["before"], renaming["now"]) == (HANDLE, LATER_HANDLE)
    view = f"select count(*) from segments.{STUDY} where persona_before <> persona"
    moved = sum(row["creators"] for row in found["personas"])
    assert moved == refreshed_home.value(view, published=True) > 0
    assert all(row["creator_moved"] + row["model_moved"] >= row["creators"] for row in found["personas"])
    tiers = [row["tier"] for row in found["fastest"]]
    assert all(tiers.count(tier) <= 3 for tier in tiers)
    assert document(call, refreshed_home, "changes", APRIL, "--since", MARCH, "--study", STUDY) == found | {
        "snapshot": APRIL
    }


def test_a_feature_is_said_to_have_moved_as_in_the_report() -> None:
    assert DRIFTED == MODERATE


def test_as_text_every_list_has_rows_or_a_reason(refreshed_home: Home, call: Call) -> None:
    result = call(refreshed_home.path, "changes")
    assert (result.code, result.err) == (0, "")
    assert f"snapshot {APRIL}, compared with {MARCH}" in result.out
    assert LATER_HANDLE in result.out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["changes", "1999-01-01"], FAILED, "there is no snapshot 1999-01-01"),
        (["changes", "--since", "1999-01-01"], FAILED, f"the snapshots are: {MARCH}, {APRIL}"),
        (["changes", MARCH], FAILED, f"there is no earlier snapshot than {MARCH}"),
        (["changes", MARCH, "--since", APRIL], FAILED, f"there is no earlier snapshot than {MARCH}"),
        (["changes", "--study", "nonsense"], USAGE_ERROR, "nonsense"),
        (["history", "nobody.at.all"], FAILED, "no creator nobody.at.all in any snapshot"),
    ],
    ids=["snapshot", "since", "the first", "the wrong way round", "study", "creator"],
)
def test_what_is_not_there_is_said_in_one_line(
    refreshed_home: Home, call: Call, arguments: list[str], code: int, says: str
) -> None:
    result = call(refreshed_home.path, *arguments)
    assert (result.code, result.out) == (code, "")
    (line,) = result.err.splitlines()
    assert says in line


@pytest.mark.parametrize("name", [HANDLE, f"@{LATER_HANDLE}".upper(), NUMBER])
def test_the_history_follows_the_creator(refreshed_home: Home, call: Call, name: str) -> None:
    (creator,) = document(call, refreshed_home, "history", name)["creators"]
    assert creator["creator_id"] == NUMBER
    assert [(row["snapshot"], row["account_id"]) for row in creator["figures"]] == [
        (MARCH, HANDLE),
        (APRIL, LATER_HANDLE),
    ]
    now, before = creator["figures"][1], creator["figures"][0]
    assert now["followers_gained"] == now["followers"] - before["followers"]
    assert [row["snapshot"] for row in creator["segments"]] == [MARCH, APRIL]
    text = call(refreshed_home.path, "history", name)
    assert (text.code, text.err) == (0, "")
    assert HANDLE in text.out


def test_a_snapshot_of_an_older_program_is_named_with_the_command_that_adds_it(copied_home: Home, call: Call) -> None:
    file = copied_home.settings.published_file
    file.chmod(0o644)
    with duckdb.connect(str(file)) as database:
        database.execute(f"delete from creators.identities where snapshot = '{MARCH}'")
    result = call(copied_home.path, "changes")
    assert result.code == FAILED
    assert f"an older program made {MARCH}: `tiktok-pipeline refresh --all`" in result.err
