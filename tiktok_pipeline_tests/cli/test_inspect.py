"""``tiktok-pipeline inspect``: how a file would be read, what it lacks, what settles a doubt; nothing is stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tiktok_pipeline_tests.homes import Said

Call = Callable[..., Said]

TRACKER = "Username;Followers;Following;Total likes;Videos;Scrape date;Mood\n" + "".join(
    f"creator{number};{1000 + number};{number};{number * 100};{number + 1};2024-05-0{1 + number % 2};calm\n"
    for number in range(8)
)


@pytest.fixture
def tracker(tmp_path: Path) -> Path:
    """A file of a generic tracker."""
    path = tmp_path / "tracker.csv"
    path.write_text(TRACKER, encoding="utf-8")
    return path


def inspect_as_json(call: Call, home: Path, *arguments: object) -> tuple[int, list[dict[str, Any]]]:
    result = call(home, "inspect", *map(str, arguments), "--json")
    return result.code, json.loads(result.out)["files"]


def test_a_known_file_is_shown_with_columns_rows_snapshot_and_studies(
    tmp_path: Path, call: Call, tracker: Path
) -> None:
    result = call(tmp_path / "home", "inspect", str(tracker))
    assert (result.code, result.problems) == (0, [])
    assert "tracker.csv: csv, utf-8, delimiter: semicolon, 8 rows\n" in result.out
    assert "recognized as tracker: " in result.out
    assert "snapshot 2024-05-02\n" in result.out
    assert "study balanced_segments can run: segments by lifetime engagement\n" in result.out
    assert "study influencer_segments cannot run: no segments: avg_engagement_rate, " in result.out
    assert f"to use it: tiktok-pipeline refresh {tracker}\n" in result.out
    assert not (tmp_path / "home").exists()


def test_what_may_be_a_column_and_is_not_read_is_said(tmp_path: Path, call: Call) -> None:
    path = tmp_path / "sheet_2024-05-06.csv"
    path.write_text("username,Followers (k),Follows,Engagement rate\nann,1.2,7,0.1\nbob,0.9,8,0.2\n")
    out = call(tmp_path / "home", "inspect", str(path)).out
    assert "followers: numbers such as 0.9 are multiplied by 1,000, as the name of the column says\n" in out
    assert "not read: Follows may be following; if so, add --map following=Follows\n" in out


def test_labels_of_records_are_proposed_as_handles(tmp_path: Path, call: Call) -> None:
    path = tmp_path / "users_2024-05-06.json"
    path.write_text(json.dumps({name: {"followers": 5, "likes": 6} for name in ("ann", "bob")}))
    result = call(tmp_path / "home", "inspect", str(path))
    assert result.code == 1
    assert f"to settle it: tiktok-pipeline refresh {path} --map account_id=index\n" in result.out


def test_the_document_has_every_part(tmp_path: Path, call: Call, tracker: Path) -> None:
    code, (document,) = inspect_as_json(call, tmp_path / "home", tracker)
    assert code == 0
    read_as = {column["name"]: column["read_as"] for column in document["columns"]}
    assert read_as["Total likes"] == "likes"
    assert read_as["Mood"] is None
    assert document["columns"][0] == {
        "name": "Username",
        "read_as": "account_id",
        "cells": ["creator0", "creator1", "creator2"],
    }
    assert (document["delimiter"], document["rows"], document["usable_rows"]) == (";", 8, 8)
    assert document["snapshots"] == [{"snapshot": "2024-05-02", "note": ""}]
    assert document["first_rows"][0]["likes"] == 0
    assert len(document["first_rows"]) == 5
    assert document["errors"] == []


def test_an_unknown_file_is_shown_with_the_command_that_settles_it(tmp_path: Path, call: Call) -> None:
    path = tmp_path / "odd sheet.csv"
    path.write_text("Creator,Audience\nAnn Bee,1200\nBob,900\n")
    result = call(tmp_path / "home", "inspect", str(path))
    assert result.code == 1
    command = f"tiktok-pipeline refresh '{path}' --map account_id=Creator --map followers=Audience"
    assert f"to settle it: {command}\n" in result.out
    assert "refused: odd sheet.csv: cannot tell which column holds the creator's handle" in result.out
    assert "--save-dialect NAME" in result.out


def test_the_proposed_dialect_reads_the_file_once_it_is_saved(tmp_path: Path, call: Call) -> None:
    path = tmp_path / "sheet_2024-05-06.csv"
    path.write_text("Creator,Audience,ER,Mood\nAnn_B,1200,0.1,calm\nBob,900,0.2,\n")
    home = tmp_path / "home"
    _, (document,) = inspect_as_json(call, home, path)
    text = document["proposed_dialect"]
    assert 'account_id = "Creator"\nfollowers = "Audience"\n# avg_engagement_rate = "ER"\n' in text
    assert text in call(home, "inspect", str(path)).out
    (home / "dialects").mkdir(parents=True)
    (home / "dialects" / "my_dialect.toml").write_text(text.replace("# ", ""), encoding="utf-8")
    code, (document,) = inspect_as_json(call, home, path)
    assert (code, document["dialect"], document["proposed_dialect"]) == (0, "my_dialect", None)
    assert document["first_rows"][0]["avg_engagement_rate"] == 0.1


def test_a_file_that_is_certain_needs_no_dialect(tmp_path: Path, call: Call, tracker: Path) -> None:
    _, (document,) = inspect_as_json(call, tmp_path / "home", tracker)
    assert document["proposed_dialect"] is None


def test_the_options_of_refresh_settle_it_here_too(tmp_path: Path, call: Call) -> None:
    path = tmp_path / "sheet_2024-05-06.csv"
    path.write_text("Creator,Audience\nann.bee,1200\nbob,900\n")
    options = ("--map", "account_id=Creator", "--map", "followers=Audience")
    code, (document,) = inspect_as_json(call, tmp_path / "home", path, *options)
    assert (code, document["rows"], document["snapshots"][0]["snapshot"]) == (0, 2, "2024-05-06")
    assert document["command"].endswith("--map account_id=Creator --map followers=Audience")


def test_a_saved_dialect_reads_the_file_from_then_on(tmp_path: Path, call: Call) -> None:
    path = tmp_path / "sheet_2024-05-06.csv"
    path.write_text("Creator,Audience\nAnn Bee,1200\nBob,900\n")
    home = tmp_path / "home"
    options = ("--map", "account_id=Creator", "--map", "followers=Audience", "--save-dialect", "own_sheet")
    result = call(home, "inspect", str(path), *options)
    assert (result.code, (home / "dialects" / "own_sheet.toml").exists()) == (0, True)
    _, (document,) = inspect_as_json(call, home, path)
    assert document["dialect"] == "own_sheet"


def test_a_dialect_with_a_mistake_is_named_and_the_file_is_read(tmp_path: Path, call: Call, tracker: Path) -> None:
    home = tmp_path / "home"
    (home / "dialects").mkdir(parents=True)
    (home / "dialects" / "bad.toml").write_text('name = "x"\n[columns]\nfollowerz = "a"\n')
    result = call(home, "inspect", str(tracker))
    assert result.code == 0
    assert "dialect not used: bad.toml, line 3: columns.followerz is not a column of the tables" in result.err


def test_competing_columns_are_shown_with_both_cells(tmp_path: Path, call: Call) -> None:
    path = tmp_path / "two.csv"
    path.write_text("Username,Followers,Fans\nann,1200,1200\nbob,900,901\n")
    result = call(tmp_path / "home", "inspect", str(path))
    assert result.code == 1
    assert "their cells differ: 900 and 901 in record 2; choose one: --map followers=Followers or --map" in result.out


def test_a_file_without_a_date_asks_for_the_snapshot(tmp_path: Path, call: Call) -> None:
    path = tmp_path / "undated.csv"
    path.write_text("username,followers\nann,1\nbob,2\n")
    result = call(tmp_path / "home", "inspect", str(path))
    assert result.code == 1
    assert f"to settle it: tiktok-pipeline refresh {path} --snapshot YYYY-MM-DD\n" in result.out


def test_hostile_names_and_cells_cannot_control_the_terminal(tmp_path: Path, call: Call) -> None:
    path = tmp_path / "bad_2024-05-06.csv"
    path.write_text('username,followers,"\x1b[31mred\x07\u202e"\nann,1,"\x1b]0;title\x07"\nbob,2,[red]x[/red]\n')
    result = call(tmp_path / "home", "inspect", str(path))
    assert result.code == 0
    assert not set("\x1b\x07\u202e") & set(result.out + result.err)
    assert "[red]x[/red]" in result.out


def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, call: Call, tracker: Path) -> None:
    path = tmp_path / "broken.parquet"
    path.write_bytes(b"PAR1 and nothing more PAR1")
    result = call(tmp_path / "home", "inspect", str(path), str(tracker))
    assert result.code == 1
    assert "refused: broken.parquet: " in result.out
    assert "tracker.csv: csv" in result.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--map", "followers"], "expected a column and its name in the file, such as followers=Fans"),
        (["--map", "fans=Followers"], "there is no column fans"),
        (["--dates", "us"], "expected day-first or month-first"),
        (["--save-dialect", "tracker"], "tracker is the name of another dialect"),
    ],
)
def test_a_wrong_option_is_refused(
    tmp_path: Path, call: Call, tracker: Path, arguments: list[str], message: str
) -> None:
    result = call(tmp_path / "home", "inspect", str(tracker), *arguments)
    assert result.code in (1, 2)
    assert message in result.err
