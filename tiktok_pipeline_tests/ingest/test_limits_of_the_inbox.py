"""A file beyond a limit is refused in one line, and the inbox goes on with the next file."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tiktok_pipeline.home.manifest import read_manifest, snapshots_on_disk
from tiktok_pipeline.ingest.inbox import ingest_inbox
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.scrapes import creators, write_csv

LIMIT = 5_000_000


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(home=tmp_path / "home", settle_seconds=0.1, largest_file_bytes=LIMIT)
    made.incoming.mkdir(parents=True)
    return made


def workbook() -> bytes:
    """Return a workbook whose only sheet unpacks to 20 MB."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 20_000_000)
    return stream.getvalue()


def parquet_of_one_long_text() -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table({"biography": ["x" * 30_000] * 1_000}), stream, compression="zstd")
    return stream.getvalue()


def many_columns() -> bytes:
    names = ",".join(f"c{number}" for number in range(10_001))
    return f"{names}\n{',' * 10_000}\n".encode()


BEYOND: dict[str, tuple[Callable[[], bytes], str]] = {
    "a.csv.gz": (lambda: gzip.compress(b"0" * 20_000_000), "larger than the limit of 0.005 GB"),
    "b.xlsx": (workbook, "larger than the limit of 0.005 GB"),
    "c.parquet": (parquet_of_one_long_text, "expands to more than its size allows"),
    "d.csv": (many_columns, "10001 columns, expected at most 10000"),
    "e.json": (lambda: b'{"a": ' * 100_000 + b"1" + b"}" * 100_000, "nested"),
}


def test_the_inbox_goes_on_after_files_beyond_each_limit(settings: Settings, engine: DuckDBWarehouse) -> None:
    for name, (content, _) in BEYOND.items():
        path = settings.incoming / name
        path.write_bytes(content())
        os.utime(path, (0, 0))
    os.utime(write_csv(settings.incoming / "z.csv", creators(5)), (0, 0))
    result = ingest_inbox(settings, engine)
    assert [file.file for file in result.registered] == ["z.csv"]
    assert snapshots_on_disk(settings.raw) == ["2024-03-01"]
    assert [entry.rows for entry in read_manifest(settings.raw / "2024-03-01")] == [5]
    reasons = {file.file: file.reason for file in result.refused}
    assert list(reasons) == list(BEYOND)
    for name, (_, expected) in BEYOND.items():
        assert expected in reasons[name], reasons[name]
        assert len(reasons[name].splitlines()) == 1
    assert [path.name for path in settings.incoming.iterdir()] == ["refused"]


@pytest.mark.parametrize("wrong", ["2099-01-01", "2024-05-20"])
def test_two_weekly_files_with_a_wrong_date_each_are_two_snapshots(
    settings: Settings, engine: DuckDBWarehouse, wrong: str
) -> None:
    """The row of the wrong day is a good one or a bad one: neither sets the key, so no file replaces the other."""
    for week, (name, day) in enumerate([("w1.csv", "2024-05-06"), ("w2.csv", "2024-05-13")]):
        rows = creators(60, seed=week, day=day)
        rows[-1] |= {"timestamp": wrong} | ({"followers": ""} if week else {})
        os.utime(write_csv(settings.incoming / name, rows), (0, 0))
    result = ingest_inbox(settings, engine)
    assert [(file.snapshot, file.file) for file in result.registered] == [
        ("2024-05-06", "w1.csv"),
        ("2024-05-13", "w2.csv"),
    ]
    assert [entry.rows for key in snapshots_on_disk(settings.raw) for entry in read_manifest(settings.raw / key)] == [
        60,
        60,
    ]
