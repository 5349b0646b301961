"""Files that cannot be searched are told as such; what lies in any other wrapping is found."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tiktok_pipeline.home.manifest import read_manifest
from tiktok_pipeline.ingest.inbox import ingest_config
from tiktok_pipeline.ingest.register import register
from tiktok_pipeline.privacy.content import Presence, search_name
from tiktok_pipeline.privacy.redact_files import redact_stored_files
from tiktok_pipeline.privacy.scrub import remove_matching_files, unsearchable_files
from tiktok_pipeline.privacy.spelling import name_pattern
from tiktok_pipeline.privacy.suppression import SuppressionList
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.homes import Home, Said
from tiktok_pipeline_tests.scrapes import creators, write_csv

HANDLE = "some.body_1"
ROWS = f"account_id,followers\n{HANDLE},10\n".encode()
OTHERS = 'account_id,biography\nänna,"二 línea\n🎵"\n'.encode()
NOISE = random.Random(1).randbytes(5_000)  # as packed bytes look


def zipped(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def with_a_password(archive: bytes) -> bytes:
    """Set the flag of encryption of the first member in its two headers, and leave its content unreadable."""
    content = bytearray(archive)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + offset] |= 1
    return bytes(content)


def of_another_method(archive: bytes) -> bytes:
    content = bytearray(archive)
    for mark, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        struct.pack_into("<H", content, content.index(mark) + offset, 97)
    return bytes(content)


def tarred(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def parquet_of(cells: list[str]) -> bytes:
    target = io.BytesIO()
    pq.write_table(pa.table({"x": cells}), target)
    return target.getvalue()


def gzip_named(name: str) -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile(name, "wb", fileobj=packed) as file:
        file.write(OTHERS)
    return packed.getvalue()


CLOSED = {
    "7z": b"7z\xbc\xaf\x27\x1c\x00\x04" + NOISE,
    "rar": b"Rar!\x1a\x07\x01\x00" + NOISE,
    "pdf": b"%PDF-1.7\n1 0 obj <</Filter/FlateDecode>> stream\n" + zlib.compress(ROWS * 500)[:40] + NOISE,
    "workbook with a password": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + NOISE,
    "zip with a password": with_a_password(zipped(a=ROWS)),
    "zip of another method": of_another_method(zipped(a=ROWS)),
    "rar in a zip": zipped(a=OTHERS, b=b"Rar!\x1a\x07\x01\x00" + NOISE),
    "cut gzip": gzip.compress(OTHERS * 900 + ROWS)[:60],
    "five times packed": gzip.compress(gzip.compress(gzip.compress(gzip.compress(gzip.compress(ROWS))))),
    "damaged Parquet": parquet_of(["anna", "tom"])[:-9],
    "Parquet with a key": b"PARE" + NOISE + b"PARE",
}

FOUND = {
    "behind a member with a password": with_a_password(zipped(a=OTHERS, b=ROWS)),
    "in the name of a member": with_a_password(zipped(**{f"in/of_{HANDLE}_2024.csv": OTHERS})),
    "in the name of a tar's member": tarred(f"profiles_{HANDLE}.csv", OTHERS),
    "in a packed tar": lzma.compress(tarred(f"x_{HANDLE}.csv", OTHERS)),
    "in the header of a gzip": gzip_named(f"scrape_of_{HANDLE}.csv"),
    "beside noise": NOISE + ROWS,
    "bz2": bz2.compress(ROWS),
}

OPEN = {
    "empty": b"",
    "text": OTHERS * 2_000,
    "cp1252": "naïve café £\r\n".encode("cp1252"),
    "UTF-16": OTHERS.decode().encode("utf-16"),
    "UTF-32": OTHERS.decode().encode("utf-32"),
    "Shift JIS": "クリエイター,フォロワー\n".encode("shift_jis") * 500,
    "zip": zipped(a=OTHERS, b=gzip.compress(OTHERS)),
    "tar": tarred("a.csv", OTHERS),
    "Parquet": parquet_of(["anna", "tom"]),
    "xz": lzma.compress(OTHERS * 500),
}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        *((content, Presence.UNKNOWN) for content in CLOSED.values()),
        *((content, Presence.FOUND) for content in FOUND.values()),
        *((content, Presence.ABSENT) for content in OPEN.values()),
    ],
    ids=[*CLOSED, *FOUND, *OPEN],
)
def test_a_name_is_found_or_absent_or_nobody_can_say(tmp_path: Path, content: bytes, expected: Presence) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert search_name(path, name_pattern([HANDLE])) is expected


def test_what_cannot_be_searched_is_named_and_kept(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    settings.refused.mkdir(parents=True)
    closed = settings.refused / "a.7z"
    waiting = settings.incoming / "b.rar"
    for path in (closed, waiting):
        path.write_bytes(CLOSED["7z"])
    (settings.refused / "a.7z.why.txt").write_text("a 7z archive cannot be read\n", encoding="utf-8")
    (settings.refused / "c.csv").write_bytes(OTHERS)
    assert remove_matching_files(settings, [HANDLE]) == []
    assert unsearchable_files(settings, [HANDLE]) == [closed, waiting]
    named = closed.with_name(f"of_{HANDLE}.7z")
    closed.rename(named)
    assert remove_matching_files(settings, [HANDLE]) == [named]


def test_the_name_in_the_header_of_a_stored_gzip_is_removed(tmp_path: Path, engine: DuckDBWarehouse) -> None:
    settings = Settings(home=tmp_path / "home")
    plain = write_csv(tmp_path / "plain.csv", creators(12)).read_bytes()
    scrape = tmp_path / "profiles_2024-03-01.csv.gz"
    with scrape.open("wb") as target, gzip.GzipFile(f"scrape_of_{HANDLE}.csv", "wb", fileobj=target) as packed:
        packed.write(plain)
    (stored,) = register([scrape], ingest_config(settings, engine))
    suppression = SuppressionList("00").with_names([HANDLE])
    redact_stored_files(settings.raw, suppression, names=[HANDLE], engine=engine)
    content = (settings.raw / "2024-03-01" / stored.file).read_bytes()
    assert HANDLE.encode() not in content
    assert gzip.decompress(content) == plain
    (entry,) = read_manifest(settings.raw / "2024-03-01")
    assert (entry.rows, entry.forgotten_rows) == (12, ())


@pytest.mark.slow
def test_forget_says_what_it_could_not_search_and_what_to_do(copied_home: Home, call: Callable[..., Said]) -> None:
    refused = copied_home.settings.refused
    refused.mkdir(parents=True)
    for name in ("a.7z", "zip with a password"):
        (refused / name).write_bytes(CLOSED[name.removeprefix("a.")])
    (refused / "c.csv").write_bytes(OTHERS)
    result = call(copied_home.path, "forget", HANDLE, "--all-accounts", "--yes", "--quiet")
    assert result.code == 0
    assert [line.partition("; ")[0] for line in result.problems] == [
        f"tiktok-pipeline: {refused / name}: could not be searched, so it may still hold the creator"
        for name in ("a.7z", "zip with a password")
    ]
    assert all("delete it, or unpack it" in line for line in result.problems)
    for path in refused.iterdir():  # the advice: unpacked files are searched, the archives go
        path.unlink()
    (refused / "rows.csv").write_bytes(ROWS)
    again = call(copied_home.path, "forget", HANDLE, "--yes", "--quiet")
    assert (again.code, again.problems, [*refused.iterdir()]) == (0, [], [])
