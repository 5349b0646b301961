"""``tiktok-pipeline export``: the creators of a study as a file, and the one line of each error."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest
from pyarrow import parquet

import tiktok_pipeline.studies
from tiktok_pipeline.cli.console import FAILED, USAGE_ERROR
from tiktok_pipeline.output import write_rows as export_file
from tiktok_pipeline.study import load_studies
from tiktok_pipeline.warehouse.duckdb.connection import query
from tiktok_pipeline_tests.homes import Home, Said

STUDY = "influencer_segments"
NEWEST = "2024-04-01"
Call = Callable[..., Said]


def csv_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def xlsx_rows(path: Path) -> list[dict[str, Any]]:
    book = openpyxl.load_workbook(path)
    header, *rows = book["creators"].iter_rows(values_only=True)
    book.close()
    return [dict(zip([str(name) for name in header], row, strict=True)) for row in rows]


def parquet_rows(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    return rows


def expected(home: Home, view: str = STUDY, where: str = "true") -> list[dict[str, Any]]:
    """Return the rows of a view, sorted by Python."""
    names, cells = query(home.settings.published_file, f"select * from segments.{view} where {where}")
    rows = [dict(zip(names, row, strict=True)) for row in cells]
    return sorted(
        rows, key=lambda row: (row["margin"] is None, -(row["margin"] or 0.0), row["account_id"].encode("utf-8"))
    )


def same_creators(rows: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> bool:
    """Return whether the rows have all cells that are wanted, in the same order; there may be more columns."""
    return [{name: row[name] for name in wanted[0]} for row in rows] == wanted


def personas(home: Home, view: str = STUDY) -> list[str]:
    return [name for (name,) in home.sql(f"select distinct persona from segments.{view} order by 1", published=True)]


def refused(result: Said, code: int) -> str:
    """Return the error line, the only output of the call."""
    assert result.code == code
    assert result.out == ""
    (line,) = result.err.splitlines()
    assert line.startswith("tiktok-pipeline: ")
    return line


def test_a_study_is_exported_in_every_format_with_its_types(refreshed_home: Home, call: Call, tmp_path: Path) -> None:
    rows = expected(refreshed_home)
    assert len(rows) == 118
    for ending in ("csv", "xlsx", "parquet"):
        out = tmp_path / f"creators.{ending}"
        result = call(refreshed_home.path, "export", STUDY, "--out", out)
        assert (result.code, result.out, result.err) == (0, f"{out}\n", "118 creators\n")
    assert same_creators(parquet_rows(tmp_path / "creators.parquet"), rows)
    from_xlsx = xlsx_rows(tmp_path / "creators.xlsx")
    from_csv = csv_rows(tmp_path / "creators.csv")
    assert list(from_csv[0]) == list(from_xlsx[0])
    assert list(from_csv[0])[:4] == ["account_id", "profile_url", "nickname", "followers"]
    for row, in_sheet, in_csv in zip(rows, from_xlsx, from_csv, strict=True):
        for name, value in row.items():
            shown = in_sheet[name].date() if isinstance(in_sheet[name], datetime) else in_sheet[name]
            assert shown == value, name
            assert isinstance(shown, bool | date | str) or not isinstance(value, bool | date | str)
            spelled = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
            assert in_csv[name] == spelled, name
    assert from_xlsx[0]["tiktok_id"].startswith("600000000000000")
    assert {type(row["observed_on"]) for row in from_xlsx} == {datetime}


def test_creators_with_the_largest_margin_come_first_and_those_without_one_last(
    copied_home: Home, call: Call, tmp_path: Path
) -> None:
    margins = {
        "creator00050": None,
        "creator00020": None,
        "creator00077": 2.0,
        "creator00011": 2.0,
        "creator00099": 3.0,
    }
    copied_home.settings.published_file.chmod(0o600)
    with duckdb.connect(str(copied_home.settings.published_file)) as connection:
        for name, margin in margins.items():
            connection.execute("update clusters.assignments set margin = ? where account_id = ?", [margin, name])
    assert call(copied_home.path, "export", STUDY, "--out", tmp_path / "a.csv").code == 0
    names = [row["account_id"] for row in csv_rows(tmp_path / "a.csv")]
    assert names[:3] == ["creator00099", "creator00011", "creator00077"]
    assert names[-2:] == ["creator00020", "creator00050"]


def test_the_newest_snapshot_is_exported_unless_another_is_named(
    refreshed_home: Home, call: Call, tmp_path: Path
) -> None:
    for arguments, snapshot, count in (
        ((), NEWEST, 118),
        (("--snapshot", NEWEST), NEWEST, 118),
        (("--snapshot", "2024-03-01"), "2024-03-01", 117),
    ):
        out = tmp_path / "a.parquet"
        result = call(refreshed_home.path, "export", STUDY, *arguments, "--out", out, "--overwrite")
        assert (result.code, result.err) == (0, f"{count} creators\n")
        rows = expected(refreshed_home, f"{STUDY}_history", f"snapshot = '{snapshot}'")
        assert same_creators(parquet_rows(out), rows)


def test_one_persona_is_exported(refreshed_home: Home, call: Call, tmp_path: Path) -> None:
    assert len(personas(refreshed_home)) > 1
    total = 0
    for number, persona in enumerate(personas(refreshed_home)):
        out = tmp_path / f"{number}.parquet"
        assert call(refreshed_home.path, "export", STUDY, "--persona", persona, "--out", out).code == 0
        assert {row["persona"] for row in parquet_rows(out)} == {persona}
        rows = [row for row in expected(refreshed_home) if row["persona"] == persona]
        assert same_creators(parquet_rows(out), rows)
        total += len(parquet_rows(out))
    assert total == 118


def test_a_persona_in_any_case_the_largest_first_and_at_most_so_many(
    refreshed_home: Home, call: Call, tmp_path: Path
) -> None:
    persona, out = personas(refreshed_home)[0], tmp_path / "few.parquet"
    arguments = ("--persona", persona.upper(), "--sort", "followers", "--limit", "3", "--out", out)
    assert call(refreshed_home.path, "export", STUDY, *arguments).code == 0
    followers = [row["followers"] for row in expected(refreshed_home) if row["persona"] == persona]
    assert [row["followers"] for row in parquet_rows(out)] == sorted(followers, reverse=True)[:3]
    unknown = call(refreshed_home.path, "export", STUDY, "--sort", "mood; drop", "--out", tmp_path / "a.csv")
    assert "no column 'mood; drop' to sort by; the columns are: snapshot, " in refused(unknown, USAGE_ERROR)


def test_the_filters_of_the_search_choose_the_creators(refreshed_home: Home, call: Call, tmp_path: Path) -> None:
    out = tmp_path / "a.parquet"
    text = "select account_id from creators.current where snapshot = ? and followers >= 20000 "
    for arguments, query_text in (
        (("followers_min=20k",), text),
        (("followers_min=20k&followers_max=90,000",), f"{text} and followers <= 90000"),
        (("followers_min=20k", "verified=no"), f"{text} and not is_verified"),
        (("http://127.0.0.1:8080/?q=&followers_min=20k&sort=margin&page=3",), text),
        (
            ("followers_min=20k&tier=MICRO&tier=mid&times_min=1",),
            f"{text} and follower_tier in ('micro', 'mid') and times_expected >= 1",
        ),
    ):
        options = [word for argument in arguments for word in ("--where", argument)]
        result = call(refreshed_home.path, "export", STUDY, *options, "--out", out, "--overwrite")
        wanted = {name for (name,) in query(refreshed_home.settings.published_file, query_text, [NEWEST])[1]}
        assert wanted
        assert (result.code, result.err) == (0, f"{len(wanted)} creators\n")
        assert {row["account_id"] for row in parquet_rows(out)} == wanted


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("mood=good", "--where: there is no filter 'mood'; the filters are: q, followers_min, followers_max, "),
        ("followers_min", "--where: there is no value in 'followers_min'; the filters are: q, "),
        ("", "--where: there is no value in ''; the filters are: q, "),
        ("followers_min=many", "--where: Followers: expected a number such as 10,000 or 10k, not many"),
        ("tier=giant", "--where: no tier 'giant'; the values are: "),
        ("region=DE", "--where: no region 'DE'; the values are: none: the column is empty"),
        ("verified=maybe", "--where: Verified: expected yes or no, not maybe"),
    ],
)
def test_a_filter_that_cannot_be_read_is_one_line(
    refreshed_home: Home, call: Call, tmp_path: Path, where: str, line: str
) -> None:
    result = call(refreshed_home.path, "export", STUDY, "--where", where, "--out", tmp_path / "a.csv")
    assert line in refused(result, USAGE_ERROR)
    assert list(tmp_path.iterdir()) == []


def test_a_spreadsheet_has_links_percentages_and_a_legend(refreshed_home: Home, call: Call, tmp_path: Path) -> None:
    out = tmp_path / "a.xlsx"
    assert call(refreshed_home.path, "export", STUDY, "--limit", "2", "--out", out).code == 0
    book = openpyxl.load_workbook(out)
    header, first, _ = book["creators"].iter_rows()
    cells = {str(name.value): cell for name, cell in zip(header, first, strict=True)}
    address = f"https://www.tiktok.com/@{cells['account_id'].value}"
    link = cells["profile_url"].hyperlink
    assert (cells["profile_url"].value, link and link.target) == (address, address)
    formats = {name: cell.number_format for name, cell in cells.items()}
    assert (formats["avg_engagement_rate"], formats["followers"], formats["margin"]) == ("0.00%", "#,##0", "0%")
    legend = {row[0]: row[1:] for row in book["legend"].iter_rows(values_only=True)}
    assert list(legend) == ["column", *cells]
    assert legend["times_expected"][1] == "times"
    assert legend["cluster"] == ("number of the cluster; no meaning across refits", "number")
    assert legend["profile_url"][1] == "link"
    assert all(meaning for meaning, _ in legend.values())
    assert not any("untrusted" in str(meaning) for meaning, _ in legend.values())
    book.close()


def test_no_cell_begins_with_a_formula_where_the_list_separator_is_a_semicolon(
    copied_home: Home, call: Call, tmp_path: Path
) -> None:
    texts = ["a;=1+1", "x\t;\t=1", "tea\n=2", '";=HYPERLINK(1)', ";\u200b＝1", "a;b;-1", "=1;=2"]
    copied_home.settings.published_file.chmod(0o600)
    with duckdb.connect(str(copied_home.settings.published_file)) as connection:
        for number, text in enumerate(texts):
            connection.execute(
                "update validated.profiles set biography = ?, nickname = ? where source_row % 7 = ?",
                [text, text, number],
            )
    out = tmp_path / "a.csv"
    assert call(copied_home.path, "export", STUDY, "--out", out).code == 0
    for delimiter in ";,\t":
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
            with out.open(encoding="utf-8", newline="") as file:
                cells = [cell for row in csv.reader(file, delimiter=delimiter, quoting=quoting) for cell in row]
            assert not {cell.lstrip(' \t\u200b"')[:1] for cell in cells} & {"=", "+", "@", "＝"}, delimiter


def test_a_persona_is_looked_up_in_the_snapshot_that_is_exported(
    copied_home: Home, call: Call, tmp_path: Path
) -> None:
    name = 'It\'s 100% "odd"; --'
    copied_home.settings.published_file.chmod(0o600)
    with duckdb.connect(str(copied_home.settings.published_file)) as connection:
        connection.execute(
            "update personas.summaries set persona = ? where snapshot = '2024-03-01' and cluster = 0", [name]
        )
    arguments = ("export", STUDY, "--persona", name, "--out", tmp_path / "a.csv")
    assert f"no persona {name!r}" in refused(call(copied_home.path, *arguments), USAGE_ERROR)
    assert call(copied_home.path, *arguments, "--snapshot", "2024-03-01").code == 0
    rows = csv_rows(tmp_path / "a.csv")
    assert {row["persona"] for row in rows} == {"It's 100% \"odd\";' --"}  # no formula after the semicolon
    assert {row["cluster"] for row in rows} == {"0"}


@pytest.mark.parametrize(
    "persona",
    [
        "",
        "%",
        "_",
        "no such",
        "' or '1' = '1",
        "x' or true --",
        "'; drop table clusters.assignments; --",
        '"',
        "?",
        "$1",
        "two\nlines",
        "\x1b[31mred",
        "\x00",
        "\udcff",
    ],
)
def test_an_unknown_persona_is_a_usage_error_that_lists_the_personas(
    refreshed_home: Home, call: Call, tmp_path: Path, persona: str
) -> None:
    result = call(refreshed_home.path, "export", STUDY, "--persona", persona, "--out", tmp_path / "a.csv")
    listed = ", ".join(personas(refreshed_home))
    assert refused(result, USAGE_ERROR) == (
        f"tiktok-pipeline: no persona {persona!r} in study {STUDY}; the personas are: {listed}"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("study", ["no_such", f"{STUDY}_history", "", f"{STUDY} where 1=0; drop table x", "x\ny"])
def test_an_unknown_study_is_a_usage_error_that_lists_the_studies(
    refreshed_home: Home, call: Call, tmp_path: Path, study: str
) -> None:
    line = refused(call(refreshed_home.path, "export", study, "--out", tmp_path / "a.csv"), USAGE_ERROR)
    listed = ", ".join(study.name for study in load_studies(tiktok_pipeline.studies))
    assert line == f"tiktok-pipeline: no study {study!r}; the studies are: {listed}"
    assert STUDY in listed


@pytest.mark.parametrize("snapshot", ["2020-01-01", "newest", "' or true --"])
def test_an_unknown_snapshot_is_an_error_that_lists_the_snapshots(
    refreshed_home: Home, call: Call, tmp_path: Path, snapshot: str
) -> None:
    result = call(refreshed_home.path, "export", STUDY, "--snapshot", snapshot, "--out", tmp_path / "a.csv")
    assert refused(result, USAGE_ERROR) == (
        f"tiktok-pipeline: no snapshot {snapshot!r} of study {STUDY}; the snapshots are: 2024-03-01, 2024-04-01"
    )


def test_a_study_that_was_not_refreshed_tells_what_to_run(copied_home: Home, call: Call, tmp_path: Path) -> None:
    """The views may be empty, and they may be absent."""
    arguments = ("export", "top_influencers", "--out", tmp_path / "a.csv")
    line = refused(call(copied_home.path, *arguments), FAILED)
    assert "study top_influencers has no creators yet; run `tiktok-pipeline refresh FILE --study" in line
    copied_home.settings.published_file.chmod(0o600)
    with duckdb.connect(str(copied_home.settings.published_file)) as connection:
        assert connection.sql("from segments.top_influencers_history").fetchall() == []
        connection.execute("drop view segments.top_influencers; drop view segments.top_influencers_history")
    assert refused(call(copied_home.path, *arguments), FAILED) == line


def test_before_any_refresh_the_error_tells_what_to_run(tmp_path: Path, call: Call) -> None:
    line = refused(call(tmp_path / "home", "export", STUDY, "--out", tmp_path / "a.csv"), FAILED)
    assert "run `tiktok-pipeline refresh FILE` first" in line
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_file_ending_is_refused_before_anything_is_read(tmp_path: Path, call: Call) -> None:
    result = call(tmp_path / "home", "export", STUDY, "--out", tmp_path / "a.txt")
    assert "expected a file that ends in .csv, .xlsx, .parquet or .json" in refused(result, USAGE_ERROR)


@pytest.mark.parametrize("arguments", [(), (STUDY,), ("--out", "a.csv")])
def test_a_study_and_a_file_are_required(tmp_path: Path, call: Call, arguments: Sequence[str]) -> None:
    refused(call(tmp_path / "home", "export", *arguments), USAGE_ERROR)


def test_a_file_that_cannot_be_written_is_one_line(
    refreshed_home: Home, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there.csv").write_text("mine", encoding="utf-8")
    (tmp_path / "folder.csv").mkdir()
    for name, result in {
        "a.txt": "expected a file that ends in .csv, .xlsx, .parquet or .json",
        "there.csv": "the file already exists; name another file, or replace it with --overwrite",
        "folder.csv": "this is a folder; name a file in it",
        "nowhere/a.csv": f"the folder {tmp_path / 'nowhere'} does not exist; create it first",
        "there.csv/a.csv": f"the folder {tmp_path / 'there.csv'} does not exist; create it first",
    }.items():
        line = refused(call(refreshed_home.path, "export", STUDY, "--out", tmp_path / name), USAGE_ERROR)
        assert line == f"tiktok-pipeline: {tmp_path / name}: {result}"
    too_long = tmp_path / f"{'a' * 300}.csv"
    line = refused(call(refreshed_home.path, "export", STUDY, "--out", too_long), FAILED)
    assert line == f"tiktok-pipeline: {too_long}: cannot be written: File name too long"

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", denied)
    line = refused(call(refreshed_home.path, "export", STUDY, "--out", tmp_path / "a\n.csv"), FAILED)
    assert line == f"tiktok-pipeline: {tmp_path / 'a .csv'}: cannot be written: Permission denied"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.csv", "there.csv"]


@pytest.mark.parametrize("ending", ["csv", "xlsx", "parquet"])
def test_a_full_disk_is_one_line_and_leaves_the_old_file(
    refreshed_home: Home, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    out = tmp_path / f"a.{ending}"
    out.write_text("mine", encoding="utf-8")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    line = refused(call(refreshed_home.path, "export", STUDY, "--out", out, "--overwrite"), FAILED)
    assert line == f"tiktok-pipeline: {out}: cannot be written: No space left on device"
    assert out.read_text(encoding="utf-8") == "mine"
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_ctrl_c_leaves_no_file(
    refreshed_home: Home, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        assert len(list(tmp_path.iterdir())) == 1
        raise KeyboardInterrupt

    monkeypatch.setattr(export_file, "_rows", stop)
    result = call(refreshed_home.path, "export", STUDY, "--out", tmp_path / "a.csv")
    assert (result.code, result.out) == (130, "")
    assert "creators" not in result.err
    assert list(tmp_path.iterdir()) == []


def test_too_many_rows_for_a_sheet_are_refused_before_any_is_written(
    refreshed_home: Home, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_file, "MAX_XLSX_ROWS", 117)
    monkeypatch.setattr(export_file, "atomic_write", None)
    result = call(refreshed_home.path, "export", STUDY, "--out", tmp_path / "a.xlsx")
    assert refused(result, USAGE_ERROR) == (
        f"tiktok-pipeline: {tmp_path / 'a.xlsx'}: a sheet holds at most 117 rows, and there are 118; "
        "write a .parquet or .csv file"
    )


def test_hostile_texts_stay_texts_and_cut_texts_are_counted(copied_home: Home, call: Call, tmp_path: Path) -> None:
    link = '=HYPERLINK("http://x","y")'
    copied_home.settings.published_file.chmod(0o600)
    with duckdb.connect(str(copied_home.settings.published_file)) as connection:
        connection.execute(
            "update validated.profiles set nickname = ?, bio_link = '\t＠x', biography = ?", [link, "a" * 40_000]
        )
    for ending in ("csv", "xlsx", "parquet"):
        result = call(copied_home.path, "export", STUDY, "--out", tmp_path / f"a.{ending}")
        assert result.code == 0
        cut = "118 texts were cut to the longest that a cell can hold; a .csv or .parquet file keeps them whole\n"
        assert result.err == f"{cut if ending == 'xlsx' else ''}118 creators\n"
    for rows in (csv_rows(tmp_path / "a.csv"), xlsx_rows(tmp_path / "a.xlsx")):
        assert {(row["nickname"], row["bio_link"]) for row in rows} == {(f"'{link}", "'\t＠x")}
    assert {row["nickname"] for row in parquet_rows(tmp_path / "a.parquet")} == {link}
