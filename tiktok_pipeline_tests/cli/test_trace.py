"""``tiktok-pipeline trace``: every delivered row of a creator, back to file and line, and the segments."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tiktok_pipeline.cli.console import FAILED
from tiktok_pipeline_tests.homes import Home, Said

Call = Callable[..., Said]
STUDY = "influencer_segments"
SPOILED, WHOLE = "creator00001", "creator00007"


def traced(call: Call, home: Home, handle: str) -> list[dict[str, Any]]:
    result = call(home.path, "trace", handle, "--format", "json")
    assert (result.code, result.err) == (0, "")
    rows: list[dict[str, Any]] = json.loads(result.out)
    return rows


def change(home: Home, *statements: str, values: Sequence[object] = ()) -> None:
    """Change the published file of a copied home."""
    home.settings.published_file.chmod(0o600)
    with duckdb.connect(str(home.settings.published_file)) as connection:
        for statement in statements:
            connection.execute(statement, list(values))


def refused(result: Said) -> str:
    assert (result.code, result.out) == (FAILED, "")
    (line,) = result.err.splitlines()
    return line


def test_a_kept_row_is_traced_to_the_line_that_holds_it(refreshed_home: Home, call: Call) -> None:
    first, second = traced(call, refreshed_home, WHOLE)
    for row, snapshot in ((first, "2024-03-01"), (second, "2024-04-01")):
        file = refreshed_home.settings.raw / snapshot / f"profiles_{snapshot}.csv"
        assert (row["snapshot"], row["file"], row["record"]) == (snapshot, file.name, 8)
        # The biographies of creators 0 and 7 have two lines: the header, then 2 lines, then 6 of one line.
        assert row["line"] == 10
        line = file.read_text(encoding="utf-8").split("\n")[row["line"] - 1]
        assert line.startswith(f'"{snapshot}","{WHOLE}",')
        assert (row["account_id"], row["tiktok_id"]) == (WHOLE, "6000000000000000007")
        assert (row["outcome"], row["reasons"]) == ("kept", "")
        view = f"select persona, margin, in_fit from segments.{STUDY}_history where snapshot = '{snapshot}'"
        ((persona, margin, in_fit),) = refreshed_home.sql(f"{view} and account_id = '{WHOLE}'", published=True)
        assert row["segments"] == [
            {
                "snapshot": snapshot,
                "study": STUDY,
                "account_id": WHOLE,
                "persona": persona,
                "score": None,
                "margin": margin,
                "in_fit": in_fit,
            }
        ]
        assert persona


def test_a_rejected_row_has_its_reasons_and_no_segments(copied_home: Home, call: Call) -> None:
    change(copied_home, "update validated.rejected set reasons = ['one', 'two'] where snapshot = '2024-04-01'")
    first, second = traced(call, copied_home, SPOILED)
    assert [row["outcome"] for row in (first, second)] == ["rejected", "rejected"]
    assert first["reasons"].startswith("followers: ")
    assert second["reasons"] == "one; two"
    for row in (first, second):
        assert (row["record"], row["line"], row["tiktok_id"], row["segments"]) == (2, 4, None, [])
        file = copied_home.settings.raw / row["snapshot"] / row["file"]
        assert f'"{SPOILED}"' in file.read_text(encoding="utf-8").split("\n")[row["line"] - 1]


@pytest.mark.parametrize("handle", [f"@{WHOLE}", WHOLE.upper(), f" @{WHOLE.title()} ", "6000000000000000007"])
def test_a_creator_is_found_in_every_spelling_and_by_number(refreshed_home: Home, call: Call, handle: str) -> None:
    assert traced(call, refreshed_home, handle) == traced(call, refreshed_home, WHOLE)


def test_rows_of_the_activity_file_are_traced_too(refreshed_home: Home, call: Call) -> None:
    (row,) = traced(call, refreshed_home, "17")
    assert (row["file"], row["record"], row["line"]) == ("creator_activity_2024-04-01.csv", 18, 19)
    assert (row["account_id"], row["tiktok_id"], row["outcome"]) == ("17", None, "kept")


@pytest.mark.parametrize("handle", [WHOLE, "New.Name"])
def test_another_handle_with_the_same_number_is_the_same_creator(copied_home: Home, call: Call, handle: str) -> None:
    """Its segments come along, and what was rejected under the older name."""
    for table in ("validated.profiles", "clusters.assignments", "creators.identities"):
        change(
            copied_home,
            f"update {table} set account_id = 'new.name' where account_id = '{WHOLE}' and snapshot = '2024-04-01'",
        )
    change(copied_home, f"update validated.rejected set account_id = '{WHOLE}' where account_id = '{SPOILED}'")
    rows = traced(call, copied_home, handle)
    assert [(row["snapshot"], row["account_id"], row["outcome"]) for row in rows] == [
        ("2024-03-01", WHOLE, "rejected"),
        ("2024-03-01", WHOLE, "kept"),
        ("2024-04-01", WHOLE, "rejected"),
        ("2024-04-01", "new.name", "kept"),
    ]
    assert [len(row["segments"]) for row in rows] == [0, 1, 0, 1]


def test_rows_of_another_creator_with_the_same_handle_are_not_traced(copied_home: Home, call: Call) -> None:
    """In April another creator, of another number, has the handle that this one had in March."""
    other = "creator00050"
    change(
        copied_home,
        *(
            f"update {table} set account_id = case account_id when '{WHOLE}' then 'new.name' else '{WHOLE}' end "
            f"where account_id in ('{WHOLE}', '{other}') and snapshot = '2024-04-01'"
            for table in ("validated.profiles", "clusters.assignments", "creators.identities")
        ),
    )
    rows = traced(call, copied_home, "new.name")
    assert [(row["account_id"], row["tiktok_id"]) for row in rows] == [
        (WHOLE, "6000000000000000007"),
        ("new.name", "6000000000000000007"),
    ]
    segments = call(copied_home.path, "trace", "new.name").out.partition("study")[2]
    assert segments.count(WHOLE) == segments.count("new.name") == 1


def test_a_score_is_shown_with_the_segment_of_its_study_or_alone(copied_home: Home, call: Call) -> None:
    columns = "snapshot, study, model, account_id, score, predicted, out_of_fold"
    cells = f"'m', '{WHOLE}', 0.25, false, true"
    change(
        copied_home,
        *(
            f"insert into classifiers.scores ({columns}) values ('2024-03-01', '{study}', {cells})"
            for study in (STUDY, "alone")
        ),
    )
    first, second = traced(call, copied_home, WHOLE)
    alone, beside = first["segments"]
    assert (alone["study"], alone["persona"], alone["score"], alone["in_fit"]) == ("alone", None, 0.25, None)
    assert (beside["study"], beside["score"]) == (STUDY, 0.25)
    assert beside["persona"]
    assert [segment["score"] for segment in second["segments"]] == [None]


def test_a_creator_without_a_segment_is_shown_with_not_enough_data(copied_home: Home, call: Call) -> None:
    change(
        copied_home,
        f"update clusters.assignments set cluster = null, margin = null where account_id = '{WHOLE}'",
        "update personas.summaries set cluster = null, persona = 'Not enough data' where cluster = 0",
    )
    assert {row["segments"][0]["persona"] for row in traced(call, copied_home, WHOLE)} == {"Not enough data"}


def test_a_table_shows_the_rows_and_then_the_segments(copied_home: Home, call: Call) -> None:
    result = call(copied_home.path, "trace", WHOLE)
    assert (result.code, result.err) == (0, "")
    titles = [line for line in result.out.splitlines() if "snapshot" in line]
    assert len(titles) == 2
    assert [name in titles[0] for name in ("file", "record", "line", "outcome", "reasons")] == [True] * 5
    assert [name in titles[1] for name in ("study", "persona", "score", "margin", "in_fit")] == [True] * 5
    change(copied_home, f"update validated.profiles set source_row = 12345 where account_id = '{WHOLE}'")
    assert " 12345 " in call(copied_home.path, "trace", WHOLE).out


def test_csv_has_the_delivered_rows_only(refreshed_home: Home, call: Call) -> None:
    result = call(refreshed_home.path, "trace", WHOLE, "--format", "csv")
    rows = list(csv.reader(io.StringIO(result.out)))
    assert rows == [
        ["snapshot", "file", "record", "line", "account_id", "tiktok_id", "outcome", "reasons"],
        ["2024-03-01", "profiles_2024-03-01.csv", "8", "10", WHOLE, "6000000000000000007", "kept", ""],
        ["2024-04-01", "profiles_2024-04-01.csv", "8", "10", WHOLE, "6000000000000000007", "kept", ""],
    ]


def test_the_line_is_empty_if_the_stored_file_is_missing(copied_home: Home, call: Call) -> None:
    shutil.rmtree(copied_home.settings.raw / "2024-03-01")
    assert [row["line"] for row in traced(call, copied_home, WHOLE)] == [None, 10]


def test_a_missing_table_counts_as_empty(copied_home: Home, call: Call) -> None:
    views = copied_home.sql(
        "select table_schema || '.' || table_name from information_schema.tables where table_type = 'VIEW'",
        published=True,
    )
    change(copied_home, *(f"drop view {name}" for (name,) in views))
    for table, left in {
        "classifiers.scores": 2,
        "personas.summaries": 2,
        "clusters.assignments": 2,
        "validated.creator_activity": 2,
        "validated.rejected": 2,
    }.items():
        change(copied_home, f"drop table {table}")
        assert len(traced(call, copied_home, WHOLE)) == left, table
    change(copied_home, "drop table validated.profiles")
    assert refused(call(copied_home.path, "trace", WHOLE)) == (f"tiktok-pipeline: no row of {WHOLE} in any snapshot")


@pytest.mark.parametrize(
    ("handle", "shown"),
    [
        ("nobody", "nobody"),
        ("@nobody", "@nobody"),
        ("creator0000", "creator0000"),
        ("%", "%"),
        ("' or true --", "' or true --"),
        ("\x1b[31mred\nline", "\\x1b[31mred line"),
        ("\x00", "\\x00"),
        ("\udcff", "?"),
        ("", ""),
    ],
)
def test_an_unknown_handle_is_one_line(refreshed_home: Home, call: Call, handle: str, shown: str) -> None:
    for output in ("table", "csv", "json"):
        result = call(refreshed_home.path, "trace", handle, "--format", output)
        assert refused(result) == f"tiktok-pipeline: no row of {shown} in any snapshot"


def test_before_any_refresh_the_error_tells_what_to_run(tmp_path: Path, call: Call) -> None:
    line = refused(call(tmp_path / "home", "trace", WHOLE))
    assert "run `tiktok-pipeline refresh FILE` first" in line
    assert list(tmp_path.iterdir()) == []


def test_hostile_text_does_not_reach_the_terminal_or_a_spreadsheet(copied_home: Home, call: Call) -> None:
    change(copied_home, "update validated.rejected set reasons = ?", values=[["=1+1\x1b[31m", "x\u202ey"]])
    for output, shown in {"table": r"=1+1\x1b[31m; x\u202ey", "csv": "'=1+1[31m; xy"}.items():
        result = call(copied_home.path, "trace", SPOILED, "--format", output)
        assert shown in result.out
        assert "\x1b" not in result.out
        assert "\u202e" not in result.out
    assert "\x1b" not in call(copied_home.path, "trace", SPOILED, "--format", "json").out
