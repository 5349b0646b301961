"""Parquet files are read in place: the same tables as from text, nothing is stored twice."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import narwhals as nw
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dagster import AssetKey

from tiktok_pipeline.assembly import open_warehouse
from tiktok_pipeline.home.manifest import read_manifest
from tiktok_pipeline.ingest.snapshot_rows import check_stored_files
from tiktok_pipeline.tables import TABLES
from tiktok_pipeline.warehouse.base import UnreadableFileError
from tiktok_pipeline_tests.homes import UNTIL_VALIDATED, Home, Said, Tables, reasons_of
from tiktok_pipeline_tests.scrapes import Row, creators, spoiled, write_csv

Call = Callable[..., Said]
KEY = "2024-03-01"
STUDY = "influencer_segments"


def rows() -> list[Row]:
    """Return 60 creators, one of them invalid, and a duplicate."""
    made = creators(60)
    return [*spoiled(made, 1, followers="-1"), made[5] | {"followers": "77"}]


def write_parquet(path: Path, made: list[Row]) -> Path:
    pq.write_table(pa.table({name: [row[name] for row in made] for name in made[0]}), path)
    return path


def refreshed(folder: Path, scrape: Path, *, selection: Sequence[AssetKey] | None = None) -> Home:
    home = Home(folder)
    home.deliver(scrape)
    result = home.refresh(KEY, selection=selection)
    assert result.success, reasons_of(result)
    return home


def comparable(home: Home) -> Tables:
    """Return the tables after raw without file names and hashes, which differ between formats."""
    published = home.settings.published_file.exists()
    tables = {name: table for name, table in home.tables(published=published).items() if not name.startswith("raw.")}
    return {
        name: [tuple("file" if str(cell).startswith("scrape.") else cell for cell in row) for row in table]
        for name, table in tables.items()
    }


@pytest.mark.parametrize(
    "selection",
    [
        pytest.param(UNTIL_VALIDATED, id="until validated"),
        pytest.param(None, id="all tables", marks=pytest.mark.slow),
    ],
)
def test_parquet_gives_the_tables_of_the_same_rows_as_text(
    tmp_path: Path, selection: Sequence[AssetKey] | None
) -> None:
    text = refreshed(tmp_path / "text", write_csv(tmp_path / "scrape.csv", rows()), selection=selection)
    columns = refreshed(tmp_path / "columns", write_parquet(tmp_path / "scrape.parquet", rows()), selection=selection)
    assert comparable(text)["validated.profiles"]
    assert comparable(columns) == comparable(text)
    assert columns.value("select count(*) from validated.rejected") == 2
    assert text.value("select count(*) from raw.profiles") == 61
    assert columns.value("select count(*) from raw.profiles") == 0, "nothing is stored a second time"
    noted = "select rows from meta.slices where table_name = 'raw.profiles'"
    assert columns.value(noted) == text.value(noted) == 61


@pytest.mark.slow
def test_a_text_file_beside_parquet_makes_all_rows_stored(tmp_path: Path) -> None:
    scrape = write_parquet(tmp_path / "scrape.parquet", rows())
    home = refreshed(tmp_path / "home", scrape, selection=UNTIL_VALIDATED)
    home.deliver(write_csv(tmp_path / "another.csv", creators(50, seed=3)), snapshot=KEY)
    assert home.refresh(KEY, selection=UNTIL_VALIDATED).success
    assert home.value("select count(*) from raw.profiles") == 61 + 50


@pytest.mark.slow
def test_a_changed_parquet_file_is_not_read(tmp_path: Path) -> None:
    home = refreshed(tmp_path / "home", write_parquet(tmp_path / "scrape.parquet", rows()), selection=UNTIL_VALIDATED)
    before = home.tables()
    with (home.settings.raw / KEY / "scrape.parquet").open("ab") as file:
        file.write(b"more")
    result = home.refresh(KEY)
    assert not result.success
    assert "scrape.parquet: gone, or changed since it was delivered; deliver the file again" in reasons_of(result)
    assert home.tables() == before


def test_an_edit_that_keeps_size_and_time_is_noticed_before_the_file_is_read(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.deliver(write_csv(tmp_path / "scrape.csv", rows()))
    folder = home.settings.raw / KEY
    stored = folder / "scrape.csv"
    check_stored_files(folder, read_manifest(folder))
    times = stored.stat()
    stored.write_bytes(stored.read_bytes().replace(b"creator no. 1", b"creator no. 9", 1))
    os.utime(stored, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(UnreadableFileError, match=r"scrape\.csv: gone, or changed since it was delivered"):
        check_stored_files(folder, read_manifest(folder))


@pytest.mark.slow
def test_a_creator_is_forgotten_in_a_parquet_file(tmp_path: Path, call: Call) -> None:
    handle = "creator00007"
    scrape = write_parquet(tmp_path / "scrape.parquet", rows())
    home = Home(tmp_path / "home")
    assert call(home.path, "refresh", str(scrape), "--study", STUDY).code == 0
    result = call(home.path, "forget", handle, "--yes")
    assert result.code == 0, result.err
    kept = pq.read_table(home.settings.raw / KEY / "scrape.parquet")
    assert handle not in str(kept.to_pydict())
    assert home.value(f"select count(*) from validated.profiles where account_id = '{handle}'", published=True) == 0
    warehouse = open_warehouse(home.settings)
    raw = warehouse.read_slice(TABLES["raw.profiles"].spec, {"snapshot": KEY})
    gone = raw.filter(nw.col("read_problem") == "forgotten").collect("pyarrow").to_native().to_pylist()
    warehouse.close()
    assert [(row["source_row"], row["account_id"], row["extra"]) for row in gone] == [(8, None, None)]
    assert call(home.path, "doctor").code == 0


@pytest.mark.parametrize("column", ["followers", "timestamp"])
def test_typed_columns_are_read_as_text(tmp_path: Path, column: str) -> None:
    made = creators(40)
    table = pa.table({name: [row[name] for row in made] for name in made[0]})
    typed = table[column].cast(pa.int64() if column == "followers" else pa.date32())
    place = table.column_names.index(column)
    pq.write_table(table.set_column(place, column, typed), tmp_path / "scrape.parquet")
    home = refreshed(tmp_path / "home", tmp_path / "scrape.parquet", selection=UNTIL_VALIDATED)
    assert home.value("select count(*) from validated.profiles") == 40
