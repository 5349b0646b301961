"""A delivery is what its bytes are: archives are unpacked within limits, whatever the names of the files."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tiktok_pipeline.delivery import containers, open_delivery
from tiktok_pipeline.warehouse.base import UnreadableFileError
from tiktok_pipeline_tests.delivery.records import cells_of, delivered

CSV = b"account_id,followers\nanna,1\nben,2\n"
JSON = b'[{"account_id": "anna", "followers": 1}, {"account_id": "ben", "followers": 2}]'
CELLS = [{"account_id": "anna", "followers": "1"}, {"account_id": "ben", "followers": "2"}]


def zipped(members: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


CONTAINERS = [
    ("file.csv", CSV, ""),
    ("file.json", CSV, ""),
    ("file.csv", JSON, ""),
    ("file.txt", JSON, ""),
    ("file.csv", gzip.compress(CSV), "gzip"),
    ("file.csv.gz", CSV, ""),
    ("file.csv.gz", gzip.compress(gzip.compress(CSV)), "gzip"),
    ("file.zip", zipped({"a.csv": CSV}), "zip"),
    ("file.csv", zipped({"a.json": JSON}), "zip"),
    ("file.zip", zipped({"a.csv.gz": gzip.compress(CSV)}), "gzip"),
    ("file.zip", gzip.compress(zipped({"inner.zip": zipped({"no ending": CSV})})), "zip"),
    ("file.zip", zipped({"__MACOSX/._a.csv": b"\x00\x05\x16\x07", ".DS_Store": b"\x00", "a/a.csv": CSV}), "zip"),
    ("file.zip", zipped({"a.csv": CSV, "README.md": b"# About", "plot.png": b"\x89PNG"}), "zip"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "compression"), CONTAINERS)
def test_a_file_is_what_its_bytes_are(tmp_path: Path, name: str, content: bytes, compression: str) -> None:
    (table,) = delivered(tmp_path / name, content)
    assert (cells_of(table), table.layout.compression) == (CELLS, compression)


def test_each_member_of_an_archive_is_a_table(tmp_path: Path) -> None:
    tables = delivered(tmp_path / "all.zip", zipped({"a.csv": CSV, "sub/b.json": JSON}))
    assert [(table.name, table.layout.member) for table in tables] == [
        ("all.zip: a.csv", "a.csv"),
        ("all.zip: sub/b.json", "sub/b.json"),
    ]
    assert [cells_of(table) for table in tables] == [CELLS, CELLS]


def test_a_plain_table_hands_out_its_unpacked_bytes(tmp_path: Path) -> None:
    (table,) = delivered(tmp_path / "all.zip", zipped({"a.csv": CSV}))
    assert table.plain_format == "csv"
    assert table.source is not None
    with table.source() as stream:
        assert stream.read() == CSV


def test_several_tables_are_read_at_the_same_time(tmp_path: Path) -> None:
    first, second = delivered(tmp_path / "all.zip", zipped({"a.csv": CSV, "b.json": JSON}))
    pairs = zip(first.records(), second.records(), strict=True)
    assert [(left.cells, right.cells) for left, right in pairs] == [(("anna", "1"),) * 2, (("ben", "2"),) * 2]


def linked() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        entry = zipfile.ZipInfo("a.csv")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    return stream.getvalue()


def encrypted() -> bytes:
    content = bytearray(zipped({"a.csv": CSV}))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(magic) + offset] |= 1
    return bytes(content)


def doubled() -> bytes:
    return zipped({"a.csv": CSV, "b.csv": CSV}).replace(b"b.csv", b"a.csv")


def corrupted() -> bytes:
    content = bytearray(zipped({"a.csv": CSV * 1000}))
    content[60] ^= 0xFF
    return bytes(content)


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600
REFUSED = [
    ("empty", b"", "the file is empty"),
    ("climbing member", zipped({"../a.csv": CSV}), "leads out of the archive"),
    ("climbing member of Windows", zipped({"a\\..\\..\\b.csv": CSV}), "leads out of the archive"),
    ("absolute member", zipped({"/etc/a.csv": CSV}), "leads out of the archive"),
    ("drive", zipped({"C:/a.csv": CSV}), "leads out of the archive"),
    ("link", linked(), "is a link"),
    ("encrypted", encrypted(), "the archive is encrypted"),
    ("cut archive", zipped({"a.csv": CSV * 100})[:-30], "truncated or damaged"),
    ("corrupted member", corrupted(), "truncated or damaged"),
    ("cut gzip", gzip.compress(CSV * 1000)[:-9], "truncated"),
    ("archive of nothing", zipped({}), "no table in it"),
    ("many members", zipped({f"{number}.csv": CSV for number in range(1001)}), "1001 files in the archive"),
    ("four layers", gzip.compress(gzip.compress(gzip.compress(gzip.compress(CSV)))), "more than 3 deep"),
    ("encrypted workbook", OLE + "EncryptedPackage".encode("utf-16-le"), "the workbook is encrypted"),
    ("old workbook", OLE, "an old Excel workbook"),
    ("OpenDocument", zipped({"mimetype": b"x", "content.xml": b"<x/>"}), "a format that is not read"),
    ("xz", b"\xfd7zXZ\x00" + CSV, "an xz archive"),
    ("PDF", b"%PDF-1.7\n", "a PDF document"),
    ("SQLite", b"SQLite format 3\x00", "an SQLite database"),
    ("tar", CSV.ljust(257, b"\x00") + b"ustar", "a tar archive"),
    ("web page", b"\n<!DOCTYPE html><html>", "a web page"),
    ("JSONP", b'callback({"data": [{"id": 1}]});', "a script around JSON; save only what is between the parentheses"),
    ("script", b'/* users */\nwindow.users = [\n{"id": 1}];', "a script around JSON; save only what stands behind"),
    ("exported", b'export default [{"id": 1}]', "a script around JSON"),
    ("chart answer", b"/*O_o*/\ngoogle.visualization.Query.setResponse({});", "the answer of Google's chart service"),
    ("guarded JSON", b")]}'\n[{}]", "JSON behind a line for browsers; remove all before the first"),
    ("JSON in quotes", json.dumps(json.dumps([{"id": 1}])).encode(), "JSON written as one text in quotes"),
    ("JSON sequence", b'\x1e{"id": 1}\n\x1e{"id": 2}\n', "a sequence of JSON texts"),
    ("comment above JSON", b'// users\n[{"id": 1}]', "JSON with a comment above it; remove the comment"),
    ("drawn table", "┌────┐\n│ id │".encode(), "a table drawn with lines for the screen; export the query"),
    ("table of a web page", b'<table border="1"><tr><td>a', "a web page"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "reason"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_holds_no_table_is_refused_in_one_line(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFileError, match=reason) as caught:
        delivered(tmp_path / "file.csv", content)
    assert str(caught.value).startswith("file.csv: ")
    assert str(caught.value).isprintable()


def zips(n_zips: int, n_members: int, extra: int = 0) -> bytes:
    """Return an archive of archives, and of ``extra`` tables in front of them."""
    inner = zipped({f"{number}.csv": CSV for number in range(n_members)})
    tables = {f"{number}.csv": CSV for number in range(extra)}
    return zipped(tables | {f"z{number}.zip": inner for number in range(n_zips)})


EMPTY = zipped({str(number): b"" for number in range(999)})
LONG_NAMES = zipped({f"{'x' * 60_000}{number}": b"" for number in range(70)})
MANY = [
    ("archives", zips(3, 333), "more than 1000 files"),
    ("tables before archives", zips(2, 200, extra=599), "more than 1000 files"),
    ("packed archives", zipped({f"{n}.zip.gz": gzip.compress(zips(1, 250)) for n in range(4)}), "more than 1000"),
    ("three layers", zipped({f"{number}.zip": zips(9, 24) for number in range(5)}), "more than 1000 files"),
    ("archives with names of texts", zipped({f"{n}.txt": zips(1, 250) for n in range(4)}), "more than 1000 files"),
    ("empty files", zipped({"a.csv": CSV, "b.zip": EMPTY}), "more than 1000 files"),
    ("a long list of files", zipped({"b.zip": LONG_NAMES}), "a list of 4[0-9]* kB of the files"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "reason"), [case[1:] for case in MANY], ids=[case[0] for case in MANY])
def test_the_files_in_all_archives_count_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, reason: str
) -> None:
    """No table is opened before: that takes milliseconds for each."""
    monkeypatch.setattr(open_delivery, "open_csv", None)
    with pytest.raises(UnreadableFileError, match=reason) as caught:
        delivered(tmp_path / "all.zip", content)
    assert str(caught.value).startswith("all.zip: ")
    assert str(caught.value).isprintable()


def test_as_many_files_as_a_delivery_may_have_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "MOST_MEMBERS", 12)
    assert len(delivered(tmp_path / "all.zip", zips(2, 4, extra=2))) == 10
    with pytest.raises(UnreadableFileError, match="more than 12 files in its archives"):
        delivered(tmp_path / "all.zip", zips(2, 4, extra=3))


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match=r"two files a[.]csv in the archive"):
        delivered(tmp_path / "all.zip", doubled())


def test_a_hostile_name_of_a_member_is_shown_without_its_escapes(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        delivered(tmp_path / "all.zip", zipped({"\x1b[31m\n.csv": b"%PDF"}))
    assert str(caught.value).isprintable()


BOMB = b"account_id,followers\n" + b"anna,1\n" * 300_000
BOMBS = [
    ("gzip", gzip.compress(BOMB)),
    ("zip", zipped({"a.csv": BOMB})),
    ("members", zipped({f"{number}.csv": BOMB[:500_000] for number in range(5)})),
    ("nested", gzip.compress(zipped({"a.csv.gz": gzip.compress(BOMB)}))),
    ("workbook", zipped({"[Content_Types].xml": b"x", "xl/sharedStrings.xml": BOMB})),
]


@pytest.mark.parametrize("content", [case[1] for case in BOMBS], ids=[case[0] for case in BOMBS])
def test_what_unpacks_to_more_than_the_limit_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnreadableFileError, match=r"larger than the limit of 0[.]002 GB"):
        delivered(tmp_path / "bomb", content, largest_bytes=2_000_000)


@pytest.mark.parametrize("content", [CSV, gzip.compress(CSV), zipped({"a.csv": CSV})], ids=["plain", "gzip", "zip"])
def test_the_limit_counts_unpacked_bytes_exactly(tmp_path: Path, content: bytes) -> None:
    largest = max(len(content), len(CSV))  # what a small file is packed to can be larger than the file
    assert len(delivered(tmp_path / "a", content, largest_bytes=largest)) == 1
    with pytest.raises(UnreadableFileError, match=r"^a: larger than the limit of .* GB when decompressed"):
        delivered(tmp_path / "a", content, largest_bytes=len(CSV) - 1)


def test_the_parts_of_a_gzip_file_count_together(tmp_path: Path) -> None:
    parts = gzip.compress(BOMB[:1_000_000]) + gzip.compress(BOMB[1_000_000:])
    with pytest.raises(UnreadableFileError, match="larger than the limit"):
        delivered(tmp_path / "a.csv.gz", parts, largest_bytes=2_000_000)


def test_the_size_that_a_gzip_file_states_is_not_believed(tmp_path: Path) -> None:
    lying = gzip.compress(BOMB)[:-4] + (10).to_bytes(4, "little")
    with pytest.raises(UnreadableFileError, match="larger than the limit"):
        delivered(tmp_path / "a.csv.gz", lying, largest_bytes=2_000_000)


def test_a_bomb_is_unpacked_to_the_limit_and_no_further(tmp_path: Path) -> None:
    """The text behind the limit is broken, which only a reader that goes on would notice."""
    packed = gzip.compress(bytes(100_000_000))
    cut = packed[: len(packed) // 2]
    with pytest.raises(UnreadableFileError, match="larger than the limit"):
        delivered(tmp_path / "a.csv.gz", cut, largest_bytes=10_000_000)
    with pytest.raises(UnreadableFileError, match="truncated"):
        delivered(tmp_path / "a.csv.gz", cut, largest_bytes=90_000_000)


def test_a_table_of_many_columns_is_refused(tmp_path: Path) -> None:
    header = ",".join(f"c{number}" for number in range(10_001))
    row = ",".join("1" * 10_001)
    with pytest.raises(UnreadableFileError, match="10001 columns, expected at most 10000"):
        delivered(tmp_path / "wide.csv", f"{header}\n{row}\n".encode())


@pytest.mark.parametrize("line_end", ["\r", "\n", "\r\n"])
def test_many_rows_are_not_many_columns(tmp_path: Path, line_end: str) -> None:
    lines = ["a,b", *(f"{number},x" for number in range(10_050))]
    (table,) = delivered(tmp_path / "long.csv", line_end.join(lines).encode())
    assert table.header == ("a", "b")


def test_commas_in_a_quoted_cell_are_no_columns(tmp_path: Path) -> None:
    (table,) = delivered(tmp_path / "a.csv", f'a,"b{"," * 10_050}"\n1,2\n'.encode())
    assert len(table.header) == 2
