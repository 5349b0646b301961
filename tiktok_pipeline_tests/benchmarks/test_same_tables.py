"""The benchmark `same-tables`: each difference of two database files is reported, and equal files are equal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
import typer
from typer.testing import CliRunner

from benchmarks.performance.compare_tables import (
    CannotCompareError,
    Comparison,
    as_json,
    compare_files,
    compare_homes,
    describe,
)
from benchmarks.performance.same_tables import refresh, same_tables_command

BEST = "select study, min(inertia) as inertia from clusters.fits group by study"
TABLES = f"""
    create schema clusters; create schema meta;
    create table clusters.fits (study varchar not null, k integer, inertia double);
    insert into clusters.fits values ('a', 2, 0.1), ('a', 3, 'nan'), ('b', null, 7), ('b', null, 7);
    create view clusters.best as {BEST};
    create table meta.slices (table_name varchar, written_at timestamp);
    insert into meta.slices values ('clusters.fits', now()::timestamp);
    create table meta.published_at as select now()::timestamp as published_at
"""
Compare = Callable[..., Comparison]


def write(path: Path, *statements: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path)) as connection:
        connection.begin()
        for statement in (TABLES, *statements):
            connection.execute(statement)
        connection.commit()
    return path


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("before") / "a.duckdb")


@pytest.fixture
def compare(before: Path, tmp_path: Path) -> Compare:
    """Compare the tables with the same tables after some statements."""

    def run(*statements: str, left_out: tuple[str, ...] = ()) -> Comparison:
        after = write(tmp_path / "after.duckdb", *statements)
        return compare_files("warehouse", before, after, left_out=left_out)

    return run


def test_the_same_tables_are_equal_at_another_time(compare: Compare) -> None:
    comparison = compare("update meta.slices set written_at = '2001-01-01'")
    assert comparison.is_equal
    assert comparison.rows == {
        "warehouse clusters.best": 2,
        "warehouse clusters.fits": 4,
        "warehouse meta.published_at": 1,
        "warehouse meta.slices": 1,
    }
    assert describe(comparison) == ["equal (4 tables, 8 rows)"]


def test_the_order_of_the_rows_does_not_matter(compare: Compare) -> None:
    assert compare(
        "create or replace temp table rows as from clusters.fits", "delete from clusters.fits",
        "insert into clusters.fits from rows order by study desc, k",
    ).is_equal  # fmt: skip


@pytest.mark.parametrize(
    ("statement", "lines"),
    [
        (
            "update clusters.fits set inertia = nextafter(0.1::double, 1::double) where k = 2",
            [
                "warehouse clusters.best: 1 of 2 rows only before, 1 of 2 only after (columns that differ: inertia)",
                "warehouse clusters.fits: 1 of 4 rows only before, 1 of 4 only after (columns that differ: inertia)",
            ],
        ),
        (
            "delete from clusters.fits where k = 3",
            ["warehouse clusters.fits: 1 of 4 rows only before, 0 of 3 only after (columns that differ: study,"],
        ),
        (
            "insert into clusters.fits values ('b', null, 7)",
            ["warehouse clusters.fits: 0 of 4 rows only before, 1 of 5 only after (columns that differ: study,"],
        ),
        (
            "update clusters.fits set k = case k when 2 then 3 when 3 then 2 end",
            ["warehouse clusters.fits: 2 of 4 rows only before, 2 of 4 only after (the same values in other rows)"],
        ),
        ("drop table meta.slices", ["warehouse meta.slices: the table is only before"]),
        ("create table meta.extra (a integer)", ["warehouse meta.extra: the table is only after"]),
        (
            "alter table clusters.fits alter k set data type bigint",
            ["warehouse clusters.fits: column k is INTEGER before, BIGINT after"],
        ),
        (
            "alter table clusters.fits alter study drop not null",
            ["warehouse clusters.fits: column study is VARCHAR not null before, VARCHAR after"],
        ),
        (
            "alter table meta.slices add column rows bigint",
            ["warehouse meta.slices: column rows only after"],
        ),
        (
            "create or replace table meta.slices as select written_at, table_name from meta.slices",
            ["warehouse meta.slices: the columns are in another order"],
        ),
        (
            f"drop view clusters.best; create table clusters.best as {BEST}",
            ["warehouse clusters.best: a view before, a table after"],
        ),
        (
            "create or replace view clusters.best as select study, error(study)::double inertia from clusters.fits",
            ["warehouse clusters.best: the rows cannot be compared: "],
        ),
        (
            "delete from meta.published_at",
            ["warehouse meta.published_at: 1 of 1 rows only before, 0 of 0 only after"],
        ),
    ],
    ids=[
        "changed value",
        "missing row",
        "duplicated row",
        "swapped values",
        "missing table",
        "added table",
        "changed type",
        "nullable",
        "added column",
        "other order of columns",
        "view became table",
        "unreadable view",
        "missing row without other columns",
    ],
)
def test_a_difference_is_reported(compare: Compare, statement: str, lines: list[str]) -> None:
    comparison = compare(statement)
    assert not comparison.is_equal
    *reported, closing = describe(comparison)
    assert [line[: len(expected)] for line, expected in zip(reported, lines, strict=True)] == lines
    assert closing.startswith(f"not equal: {len(lines)} ")


def test_added_tables_of_meta_are_new_and_no_difference(compare: Compare) -> None:
    comparison = compare("create table meta.tables (a integer); create view meta.columns as from meta.tables")
    assert comparison.is_equal
    assert describe(comparison)[:-1] == ["warehouse meta.columns: new", "warehouse meta.tables: new"]


def test_a_column_is_left_out_by_its_full_name_alone(compare: Compare) -> None:
    statement = "update clusters.fits set k = k + 1"
    assert compare(statement, left_out=("clusters.fits.k",)).is_equal


def test_another_column_is_not_left_out(compare: Compare) -> None:
    assert not compare("update clusters.fits set k = k + 1", left_out=("k", "meta.slices.k")).is_equal


def test_both_files_of_a_home_are_compared(tmp_path: Path) -> None:
    for home, statement in (("before", "select 1"), ("after", "delete from clusters.fits where k = 3")):
        write(tmp_path / home / "warehouse" / "tiktok.duckdb")
        write(tmp_path / home / "published" / "tiktok.duckdb", statement)
    comparison = compare_homes(tmp_path / "before", tmp_path / "after")
    assert [(entry.database, entry.table) for entry in comparison.differences] == [("published", "clusters.fits")]
    assert len(comparison.rows) == 8
    assert json.loads(json.dumps(as_json(comparison)))["is_equal"] is False


def test_compare_files_raises_without_two_filled_files(tmp_path: Path) -> None:
    file = write(tmp_path / "a.duckdb")
    duckdb.connect(str(tmp_path / "empty.duckdb")).close()
    for other in ("missing.duckdb", "a.duckdb", "empty.duckdb"):
        with pytest.raises(CannotCompareError, match=other):
            compare_files("warehouse", file, tmp_path / other)
        with pytest.raises(CannotCompareError, match=other):
            compare_files("warehouse", tmp_path / other, file)


@pytest.fixture
def checkout(tmp_path: Path) -> Callable[[str, str], Path]:
    """Create a checkout whose package writes a home of tiny tables."""

    def create(name: str, statement: str) -> Path:
        package = tmp_path / name / "tiktok_pipeline"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(
            "import os, sys\nfrom pathlib import Path\nimport duckdb\n"
            "assert sys.argv[1] == 'refresh' and sys.argv[-1] == '--snapshot=2023-08-12', sys.argv\n"
            "for name in ('warehouse', 'published'):\n"
            "    file = Path(os.environ['TIKTOK_PIPELINE_HOME'], name, 'tiktok.duckdb')\n"
            "    file.parent.mkdir(parents=True)\n"
            f"    duckdb.connect(str(file)).execute({f'begin; {TABLES}; {statement}; commit'!r})\n"
        )
        return package.parent

    return create


def test_each_checkout_refreshes_with_its_own_package(checkout: Callable[[str, str], Path], tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(same_tables_command)
    before, after = checkout("old", "select 1"), checkout("new", "delete from clusters.fits where k = 3")
    inputs = ["--before", str(before), "--snapshot", "2023-08-12", "--scrapes", str(tmp_path / "a.csv")]
    differing = CliRunner().invoke(app, [*inputs, "--after", str(after), "--folder", str(tmp_path / "homes")])
    assert (differing.exit_code, differing.output.splitlines()[-1]) == (
        1,
        "not equal: 2 differences (8 tables, 16 rows)",
    )
    equal = CliRunner().invoke(app, [*inputs, "--home-after", str(tmp_path / "homes" / "before")])
    assert (equal.exit_code, equal.output.splitlines()[-1]) == (0, "equal (8 tables, 16 rows)")
    again = CliRunner().invoke(app, [*inputs, "--after", str(after), "--folder", str(tmp_path / "homes")])
    assert (again.exit_code, "exists already" in again.output) == (2, True)
    for unclear in ([], ["--after", str(after), "--home-after", str(tmp_path)]):
        assert CliRunner().invoke(app, [*inputs, *unclear]).exit_code == 2


def test_refresh_raises_if_another_package_is_imported_or_the_command_fails(
    checkout: Callable[[str, str], Path], tmp_path: Path
) -> None:
    def run(folder: Path) -> None:
        refresh(folder, tmp_path / "home", [], python=Path(sys.executable), arguments=[], pictures=False)

    (tmp_path / "empty").mkdir()
    with pytest.raises(CannotCompareError, match="empty"):
        run(tmp_path / "empty")
    with pytest.raises(CannotCompareError, match=r"(?s)ended with 1: .*AssertionError"):
        run(checkout("old", "select 1"))
