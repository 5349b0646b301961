"""A delivered file becomes part of a snapshot once, completely or not at all, with its hashes in the manifest."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tiktok_pipeline.home import manifest
from tiktok_pipeline.home.manifest import read_manifest, snapshots_on_disk
from tiktok_pipeline.ingest import prepare
from tiktok_pipeline.ingest.measure import Measures, measure_rows
from tiktok_pipeline.ingest.options import IngestOptions
from tiktok_pipeline.ingest.register import IngestConfig, RegisteredFile, register
from tiktok_pipeline.raw.dialects import UnknownDialectError
from tiktok_pipeline.raw.snapshots import SnapshotKeyError
from tiktok_pipeline.warehouse.base import UnreadableFileError
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.scrapes import activity, creators, write_csv


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return tmp_path / "home" / "raw"


@pytest.fixture
def config(raw: Path, engine: DuckDBWarehouse) -> IngestConfig:
    return IngestConfig(raw=raw, engine=engine)


@pytest.fixture
def scrape(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "delivered" / "scrape.csv", creators(5))


def outcomes(registered: list[RegisteredFile]) -> list[str]:
    return [file.outcome for file in registered]


def files_in(raw: Path) -> list[str]:
    return sorted(str(path.relative_to(raw)) for path in raw.rglob("*") if path.is_file())


def test_a_parquet_file_that_is_rewritten_is_not_written_into_itself(config: IngestConfig, tmp_path: Path) -> None:
    path = tmp_path / "scrape.parquet"
    columns = {"username": list("abcdefgh"), "followers": [12.0] * 8, "likes": [float("nan"), *map(float, range(7))]}
    pq.write_table(pa.table(columns), path)  # the engine does not read the NaN
    delivered = path.read_bytes()
    assert outcomes(register([path], config, IngestOptions(snapshot="2024-03-01"))) == ["new"]
    stored = pq.read_table(config.raw / "2024-03-01" / "scrape.parquet").to_pydict()
    assert stored["followers"] == ["12"] * 8
    assert path.read_bytes() == delivered


def test_a_new_file_is_stored_under_the_newest_date_of_its_rows(
    config: IngestConfig, raw: Path, scrape: Path
) -> None:
    assert register([scrape], config) == [RegisteredFile("2024-03-01", "scrape.csv", "new")]
    assert files_in(raw) == ["2024-03-01/manifest.json", "2024-03-01/scrape.csv"]
    assert snapshots_on_disk(raw) == ["2024-03-01"]


def test_the_manifest_lists_what_was_delivered_and_what_is_stored(
    config: IngestConfig, raw: Path, scrape: Path
) -> None:
    register([scrape], config)
    (entry,) = json.loads((raw / "2024-03-01" / "manifest.json").read_text(encoding="utf-8"))
    sha256 = hashlib.sha256(scrape.read_bytes()).hexdigest()
    stamp = entry.pop("ingested_at")
    assert len(entry.pop("checksum")) == 64
    columns = entry.pop("columns")
    assert (columns["account_id"], columns["tiktok_id"], columns["followers"]) == ("account_id", "id", "followers")
    assert entry == {
        "file": "scrape.csv",
        "delivered_sha256": sha256,
        "stored_sha256": sha256,
        "bytes": scrape.stat().st_size,
        "rows": 5,
        "source": "profiles",
        "dialect": "public_csv",
        "forgotten_rows": [],
        "delivered_name": "scrape.csv",
        "container": "csv",
        "compression": "",
        "member": "",
        "encoding": "utf-8",
        "delimiter": ",",
        "notes": [],
        "formats": {},
        "left_out_because": "",
    }
    assert len(stamp) == len("2024-03-01T00:00:00")


def test_the_same_file_again_changes_nothing_in_the_manifest(config: IngestConfig, raw: Path, scrape: Path) -> None:
    register([scrape], config)
    before = read_manifest(raw / "2024-03-01")
    assert outcomes(register([scrape], config)) == ["already there"]
    assert read_manifest(raw / "2024-03-01") == before


def test_a_stored_copy_that_was_lost_is_stored_again(config: IngestConfig, raw: Path, scrape: Path) -> None:
    register([scrape], config)
    (raw / "2024-03-01" / "scrape.csv").unlink()
    assert outcomes(register([scrape], config)) == ["replaced"]
    assert (raw / "2024-03-01" / "scrape.csv").read_bytes() == scrape.read_bytes()


@pytest.mark.parametrize("name", ["scrape.csv", "renamed.csv"])
def test_a_stored_copy_that_was_changed_is_stored_again(
    config: IngestConfig, raw: Path, scrape: Path, tmp_path: Path, name: str
) -> None:
    original = scrape.read_bytes()
    register([scrape], config)
    stored = raw / "2024-03-01" / "scrape.csv"
    stored.write_bytes(original.replace(b"creator no. 1", b"creator no. 9"))  # of the same size
    again = tmp_path / "again" / name
    again.parent.mkdir()
    again.write_bytes(original)
    assert outcomes(register([again], config)) == ["replaced"]
    (entry,) = read_manifest(raw / "2024-03-01")
    assert entry.file == name
    assert (raw / "2024-03-01" / name).read_bytes() == original


@pytest.mark.parametrize("copy_under_the_same_name", [True, False])
def test_a_file_of_the_same_name_replaces_the_stored_one(
    config: IngestConfig, raw: Path, scrape: Path, copy_under_the_same_name: bool
) -> None:
    register([scrape], config)
    if copy_under_the_same_name:
        changed = write_csv(scrape.parent / "again" / "scrape.csv", creators(7))
    else:  # written over in place
        changed = write_csv(scrape, creators(7))
    assert register([changed], config) == [RegisteredFile("2024-03-01", "scrape.csv", "replaced")]
    (entry,) = read_manifest(raw / "2024-03-01")
    assert entry.rows == 7
    assert entry.stored_sha256 == hashlib.sha256((raw / "2024-03-01" / "scrape.csv").read_bytes()).hexdigest()


def test_the_same_file_under_a_new_explicit_key_is_a_new_snapshot(
    config: IngestConfig, raw: Path, scrape: Path
) -> None:
    register([scrape], config)
    key = "2024-03-02T06-30-00Z"
    assert register([scrape], config, IngestOptions(snapshot=key)) == [RegisteredFile(key, "scrape.csv", "new")]
    assert snapshots_on_disk(raw) == ["2024-03-01", key]


def test_a_second_file_adds_to_the_snapshot(config: IngestConfig, raw: Path, scrape: Path, tmp_path: Path) -> None:
    register([scrape], config)
    other = write_csv(tmp_path / "scores.csv", activity(4))
    assert register([other], config, IngestOptions(snapshot="2024-03-01")) == [
        RegisteredFile("2024-03-01", "scores.csv", "new")
    ]
    assert [(entry.file, entry.source) for entry in read_manifest(raw / "2024-03-01")] == [
        ("scores.csv", "creator_activity"),
        ("scrape.csv", "profiles"),
    ]


def test_an_undated_file_joins_the_dated_files_of_its_call(
    config: IngestConfig, raw: Path, scrape: Path, tmp_path: Path
) -> None:
    other = write_csv(tmp_path / "scores.csv", activity(4))
    assert {file.snapshot for file in register([other, scrape], config)} == {"2024-03-01"}


def test_a_folder_is_replaced_by_its_scrapes_and_nothing_else_in_it(
    config: IngestConfig, raw: Path, scrape: Path
) -> None:
    (scrape.parent / "notes.txt").write_text("not a scrape", encoding="utf-8")
    (scrape.parent / "half.csv.part").write_text("a,b", encoding="utf-8")
    write_csv(scrape.parent / ".hidden.csv", creators(1))
    registered = register([scrape.parent, scrape], config)
    assert [file.file for file in registered] == ["scrape.csv"]


@pytest.mark.parametrize("place", ["first", "last"])
def test_one_bad_file_of_several_leaves_nothing_behind(
    config: IngestConfig, raw: Path, scrape: Path, tmp_path: Path, place: str
) -> None:
    bad = write_csv(tmp_path / "bad.csv", [{"a": "1", "b": "2"}])
    paths = [bad, scrape] if place == "first" else [scrape, bad]
    with pytest.raises(UnknownDialectError, match=r"bad\.csv"):
        register(paths, config)
    assert list(raw.iterdir()) == []


def test_a_file_without_any_date_leaves_nothing_behind(config: IngestConfig, raw: Path, tmp_path: Path) -> None:
    undated = write_csv(tmp_path / "scores.csv", activity(4))
    with pytest.raises(SnapshotKeyError, match=r"scores\.csv.*--snapshot"):
        register([undated], config)
    assert list(raw.iterdir()) == []


def test_two_different_files_of_the_same_name_in_one_call_are_refused(
    config: IngestConfig, raw: Path, scrape: Path, tmp_path: Path
) -> None:
    other = write_csv(tmp_path / "other" / "scrape.csv", creators(3, seed=9))
    with pytest.raises(SnapshotKeyError, match=r"scrape\.csv"):
        register([scrape, other], config)
    assert list(raw.iterdir()) == []


def test_leftovers_of_a_killed_process_are_removed(config: IngestConfig, raw: Path, scrape: Path) -> None:
    leftover = raw / ".staging-killed" / "0"
    leftover.mkdir(parents=True)
    (leftover / "half.csv").write_text("half", encoding="utf-8")
    register([scrape], config)
    assert [path.name for path in raw.iterdir()] == ["2024-03-01"]


def test_a_draft_of_a_manifest_is_not_a_manifest(config: IngestConfig, raw: Path, scrape: Path) -> None:
    (raw / "2024-03-01").mkdir(parents=True)
    (raw / "2024-03-01" / ".manifest.json.draft").write_text("[{", encoding="utf-8")
    assert snapshots_on_disk(raw) == []
    register([scrape], config)
    assert files_in(raw) == ["2024-03-01/manifest.json", "2024-03-01/scrape.csv"]


@pytest.mark.parametrize(
    "name",
    [
        "my scrape (1).csv",
        "профили 🎬.csv",
        "-rf.csv",
        "a'; drop table x; --.csv",
        "x" * 200 + ".csv",
        "UPPER.CSV",
        "[a-z]*?.csv",
        "%s{0}$HOME.csv",
    ],
)
def test_odd_file_names_are_stored_under_safe_ones(
    config: IngestConfig, raw: Path, tmp_path: Path, name: str
) -> None:
    path = write_csv(tmp_path / "odd" / name, creators(3))
    (stored,) = register([path], config)
    assert stored.file.isascii()
    assert set(stored.file) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert not stored.file.startswith(("-", "."))
    assert (raw / stored.snapshot / stored.file).read_bytes() == path.read_bytes()
    assert register([path], config)[0].outcome == "already there"


def test_a_name_that_is_not_utf8_is_stored(config: IngestConfig, raw: Path, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.csv")
    write_csv(tmp_path / "plain.csv", creators(3)).rename(path)
    (stored,) = register([path], config)
    assert stored.file.isascii()


@pytest.mark.parametrize("without", [(), ("ioctl",), ("ioctl", "copy_file_range")])
def test_a_stored_file_never_changes_with_the_delivered_one(
    config: IngestConfig, raw: Path, scrape: Path, monkeypatch: pytest.MonkeyPatch, without: tuple[str, ...]
) -> None:
    def not_supported(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    for name in without:
        monkeypatch.setattr(fcntl if name == "ioctl" else os, name, not_supported)
    delivered = scrape.read_bytes()
    register([scrape], config)
    with scrape.open("r+b") as file:  # written over in place, as a spreadsheet does
        file.write(b"x" * 100)
    assert (raw / "2024-03-01" / "scrape.csv").read_bytes() == delivered


def test_names_that_differ_in_case_are_two_files(config: IngestConfig, raw: Path, tmp_path: Path) -> None:
    first = write_csv(tmp_path / "part.csv", creators(5))
    second = write_csv(tmp_path / "part.CSV", creators(4, seed=9))
    assert outcomes(register([first, second], config)) == ["new", "new"]
    manifest = read_manifest(raw / "2024-03-01")
    assert sorted((entry.delivered_name, entry.rows) for entry in manifest) == [("part.CSV", 4), ("part.csv", 5)]
    assert len({entry.file.lower() for entry in manifest}) == 2


def test_a_file_of_mostly_bad_rows_does_not_replace_a_good_one(config: IngestConfig, raw: Path, scrape: Path) -> None:
    register([scrape], config)
    stored = (raw / "2024-03-01" / "scrape.csv").read_bytes()
    bad = [row | {"followers": "many"} if number else row for number, row in enumerate(creators(5))]
    write_csv(scrape, bad)
    with pytest.raises(UnreadableFileError, match=r"scrape\.csv: only 1 of its 5 rows .* would replace, stays"):
        register([scrape], config)
    assert (raw / "2024-03-01" / "scrape.csv").read_bytes() == stored


def test_a_file_that_is_read_in_another_way_replaces_the_stored_one(
    config: IngestConfig, raw: Path, tmp_path: Path
) -> None:
    rows = [row | {"fans": str(number)} for number, row in enumerate(creators(5), start=1)]
    path = write_csv(tmp_path / "scrape.csv", rows)
    register([path], config)
    mapped = IngestOptions(column_map={"followers": "fans"})
    assert outcomes(register([path], config, mapped)) == ["replaced"]
    (entry,) = read_manifest(raw / "2024-03-01")
    assert entry.columns["followers"] == "fans"
    assert outcomes(register([path], config, mapped)) == ["already there"]


def test_a_link_is_followed_to_its_content(config: IngestConfig, raw: Path, scrape: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.csv"
    link.symlink_to(scrape)
    (stored,) = register([link], config)
    assert not (raw / stored.snapshot / stored.file).is_symlink()


def test_a_header_without_rows_is_refused(config: IngestConfig, raw: Path, scrape: Path) -> None:
    scrape.write_text(scrape.read_text(encoding="utf-8").partition("\n")[0] + "\n", encoding="utf-8")
    with pytest.raises(UnreadableFileError, match=r"scrape\.csv: has a header but no rows"):
        register([scrape], config)
    assert list(raw.iterdir()) == []


def test_a_gzip_file_truncated_near_its_end_leaves_nothing_behind(
    config: IngestConfig, raw: Path, tmp_path: Path
) -> None:
    whole = gzip.compress(write_csv(tmp_path / "all.csv", creators(3_000)).read_bytes())
    path = tmp_path / "late.csv.gz"
    path.write_bytes(whole[: len(whole) * 9 // 10])
    with pytest.raises(UnreadableFileError, match=r"late\.csv\.gz.*truncated"):
        register([path], config)
    assert list(raw.iterdir()) == []


def test_the_next_call_recovers_from_a_crash_before_the_manifest_is_written(
    config: IngestConfig, raw: Path, scrape: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(manifest, "write_manifest", killed)
        with pytest.raises(KeyboardInterrupt):
            register([scrape], config)
    assert snapshots_on_disk(raw) == []
    assert outcomes(register([scrape], config)) == ["new"]
    assert files_in(raw) == ["2024-03-01/manifest.json", "2024-03-01/scrape.csv"]


def test_records_with_the_cells_of_several_creators_are_refused(config: IngestConfig, tmp_path: Path) -> None:
    path = tmp_path / "profiles_2024-05-06.json"
    path.write_text(json.dumps([{"username": ["anna", "ben"], "followers": [1, 2]}]))
    with pytest.raises(
        UnknownDialectError, match=r"username holds lists, such as .*; expected one creator; export one record"
    ):
        register([path], config)


def test_a_file_of_which_the_engine_counts_other_rows_than_the_reader_is_stored_as_the_reader_reads_it(
    config: IngestConfig, raw: Path, scrape: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[Measures] = []

    def lose_a_row_of_the_plain_file(*arguments: Any, **options: Any) -> Measures:
        found = measure_rows(*arguments, **options)
        measured.append(replace(found, rows=found.rows - 1) if not measured else found)
        return measured[-1]

    monkeypatch.setattr(prepare, "measure_rows", lose_a_row_of_the_plain_file)
    assert outcomes(register([scrape], config)) == ["new"]
    assert [found.rows for found in measured] == [4, 5]
    (entry,) = read_manifest(raw / "2024-03-01")
    assert (entry.file, entry.rows) == ("scrape.csv.parquet", 5)
    assert pq.read_table(raw / "2024-03-01" / entry.file).num_rows == 5
