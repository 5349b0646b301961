"""A creator in the stored files of a home: found under every handle, blanked, and suppressed in a later delivery."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from tiktok_pipeline.home.manifest import file_sha256, read_manifest, snapshots_on_disk
from tiktok_pipeline.ingest.inbox import ingest_config
from tiktok_pipeline.ingest.options import IngestOptions
from tiktok_pipeline.ingest.register import register
from tiktok_pipeline.privacy.content import contains_name, mentioned_names
from tiktok_pipeline.privacy.find_creator import CreatorRecords, SharedNumberError, find_creator
from tiktok_pipeline.privacy.mentions import mention_replacer
from tiktok_pipeline.privacy.redact_files import redact_stored_files
from tiktok_pipeline.privacy.scrub import files_with_names, remove_matching_files, scrub_log
from tiktok_pipeline.privacy.spelling import name_pattern
from tiktok_pipeline.privacy.suppression import SuppressionList, read_suppression_list, write_suppression_list
from tiktok_pipeline.raw.read import read_stored_file
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.scrapes import creators, write_csv

COUNTS = ("follower_count", "following_count", "likes_count", "video_count")
HANDLE, LATER_HANDLE, NUMBER = "some.body_1", "now_another", "6999999999999999999"


def scrape(path: Path, handle: str, day: str) -> Path:
    """Write six creators; the second one is the creator, the fifth one mentions them."""
    rows = creators(6, day=day)
    rows[1] |= {"account_id": handle, "id": NUMBER, "url": f"https://www.tiktok.com/@{handle}", "top_videos": ""}
    rows[4] |= {"biography": f"with @{handle.upper()}, and others"}
    return write_csv(path, rows)


@pytest.fixture
def settings(tmp_path: Path, engine: DuckDBWarehouse) -> Settings:
    """A home with two snapshots; in the second one the creator has another handle."""
    settings = Settings(home=tmp_path / "home")
    files = [scrape(tmp_path / "a.csv", HANDLE, "2024-03-01"), scrape(tmp_path / "b.csv", LATER_HANDLE, "2024-04-01")]
    register(files, ingest_config(settings, engine))
    return settings


@pytest.mark.parametrize("name", [HANDLE, f" @{HANDLE.upper()}", LATER_HANDLE, NUMBER])
def test_find_creator_follows_the_number_to_every_handle(
    settings: Settings, engine: DuckDBWarehouse, name: str
) -> None:
    creator = find_creator(settings, name, engine)
    assert {handle.lower() for handle in creator.handles} == {HANDLE, LATER_HANDLE}
    assert creator.numbers == (NUMBER,)
    assert creator.records == {("2024-03-01", "a.csv"): (2,), ("2024-04-01", "b.csv"): (2,)}


def test_find_creator_without_records_keeps_the_name(settings: Settings, engine: DuckDBWarehouse) -> None:
    assert find_creator(settings, "@nobody", engine) == CreatorRecords(("nobody",))


def test_redacted_files_hold_no_name_and_their_manifests_agree(settings: Settings, engine: DuckDBWarehouse) -> None:
    creator = find_creator(settings, HANDLE, engine)
    suppression = SuppressionList("00").with_names(creator.names)
    blanked = redact_stored_files(settings.raw, suppression, names=creator.names, engine=engine)
    assert blanked == 2
    for snapshot in snapshots_on_disk(settings.raw):
        (entry,) = read_manifest(settings.raw / snapshot)
        stored = settings.raw / snapshot / entry.file
        assert entry.forgotten_rows == (2,)
        assert (entry.stored_sha256, entry.bytes) == (file_sha256(stored), stored.stat().st_size)
        assert entry.stored_sha256 != entry.delivered_sha256
        assert not contains_name(stored, name_pattern(creator.names))
    assert find_creator(settings, HANDLE, engine).records == {}
    assert redact_stored_files(settings.raw, suppression, names=creator.names, engine=engine) == 0


def test_a_file_of_suppressed_creators_only_is_removed_from_its_snapshot(
    tmp_path: Path, engine: DuckDBWarehouse
) -> None:
    settings = Settings(home=tmp_path / "home")
    (tmp_path / "one.json").write_text(
        json.dumps([{"username": HANDLE} | dict.fromkeys(COUNTS, 1)]),
        encoding="utf-8",
    )
    register([tmp_path / "one.json"], ingest_config(settings, engine), IngestOptions(snapshot="2024-03-01"))
    suppression = SuppressionList("00").with_names([HANDLE])
    assert redact_stored_files(settings.raw, suppression, names=[HANDLE], engine=engine) == 1
    assert read_manifest(settings.raw / "2024-03-01") == []
    assert not (settings.raw / "2024-03-01" / "one.json").exists()


def test_the_suppression_list_holds_hashes_and_no_names(tmp_path: Path) -> None:
    file = tmp_path / "forgotten.json"
    assert read_suppression_list(file).salt != read_suppression_list(file).salt
    suppression = SuppressionList("00").with_names([HANDLE, NUMBER])
    write_suppression_list(file, suppression)
    assert read_suppression_list(file) == suppression
    assert suppression.unfinished
    assert suppression.hash_of(HANDLE.upper()) in suppression.hashes
    assert HANDLE not in file.read_text(encoding="utf-8")


def test_scrub_removes_exports_with_the_name_and_replaces_it_in_logs(settings: Settings) -> None:
    export, other = settings.home / "export.csv", settings.home / "other.csv"
    export.write_text(f"account_id\n{HANDLE}\n", encoding="utf-8")
    other.write_text(f"account_id\nx{HANDLE}\n", encoding="utf-8")
    log = settings.failures_file
    log.write_text(f"cannot read {HANDLE.upper()}\n", encoding="utf-8")
    assert remove_matching_files(settings, [HANDLE]) == [export]
    assert other.exists()
    scrub_log(log, [HANDLE])
    assert log.read_text(encoding="utf-8") == "cannot read [forgotten]\n"


def test_the_videos_of_a_creator_are_found_and_blanked_too(tmp_path: Path, engine: DuckDBWarehouse) -> None:
    settings = Settings(home=tmp_path / "home")
    items = [
        {
            "id": str((1_700_000_000 << 32) + number),
            "text": "hi",
            "diggCount": 5,
            "commentCount": 1,
            "authorMeta": {"name": name, "id": f"{number % 3}{NUMBER[1:]}", "fans": 100},
        }
        for number, name in enumerate([HANDLE, "another", "third"] * 2)
    ]
    delivered = tmp_path / "items.json"
    delivered.write_text(json.dumps(items), encoding="utf-8")
    register([delivered], ingest_config(settings, engine), IngestOptions(snapshot="2024-03-01"))
    creator = find_creator(settings, HANDLE, engine)
    by_source = {
        entry.source: creator.records["2024-03-01", entry.file]
        for entry in read_manifest(settings.raw / "2024-03-01")
    }
    assert by_source == {"profiles": (1,), "videos": (1, 4)}
    suppression = SuppressionList("00").with_names(creator.names)
    assert redact_stored_files(settings.raw, suppression, names=creator.names, engine=engine) == 3
    pattern = name_pattern([HANDLE, *creator.numbers])
    assert not [path for path in settings.raw.rglob("*.parquet") if contains_name(path, pattern)]


def register_rows(folder: Path, engine: DuckDBWarehouse, rows: list[dict[str, str]], name: str = "a.csv") -> Settings:
    settings = Settings(home=folder / "home")
    register([write_csv(folder / name, rows)], ingest_config(settings, engine))
    return settings


def test_a_placeholder_is_not_the_number_of_everybody(tmp_path: Path, engine: DuckDBWarehouse) -> None:
    settings = register_rows(tmp_path, engine, [row | {"id": "0"} for row in creators(20)])
    creator = find_creator(settings, "creator00005", engine)
    assert creator == CreatorRecords(("creator00005",), (), {("2024-03-01", "a.csv"): (6,)})
    suppression = SuppressionList("00").with_names(["creator00005", "0"])
    assert redact_stored_files(settings.raw, suppression, names=creator.names, engine=engine) == 1


def test_a_number_of_many_accounts_identifies_nobody(tmp_path: Path, engine: DuckDBWarehouse) -> None:
    settings = register_rows(tmp_path, engine, [row | {"id": "12345678"} for row in creators(20)])
    creator = find_creator(settings, "creator00005", engine)
    assert (creator.handles, creator.numbers, creator.placeholders) == (("creator00005",), (), ("12345678",))
    with pytest.raises(SharedNumberError, match="20 accounts have this number, such as creator00000"):
        find_creator(settings, "12345678", engine)


def test_the_name_is_gone_from_the_names_of_files_and_from_damaged_records(
    tmp_path: Path, engine: DuckDBWarehouse
) -> None:
    rows = creators(20)
    rows[3] |= {"account_id": HANDLE, "url": f"https://www.tiktok.com/@{HANDLE}", "id": NUMBER}
    path = write_csv(tmp_path / f"of_{HANDLE}_2024-03-01.csv", rows)
    path.write_text(path.read_text(encoding="utf-8") + f'"2024-03-01","cut off {HANDLE}"\n', encoding="utf-8")
    settings = Settings(home=tmp_path / "home")
    register([path], ingest_config(settings, engine))
    creator = find_creator(settings, HANDLE, engine)
    suppression = SuppressionList("00").with_names(creator.names)
    assert redact_stored_files(settings.raw, suppression, names=creator.names, engine=engine) == 1
    (entry,) = read_manifest(settings.raw / "2024-03-01")
    assert entry.file == "of_forgotten_2024-03-01.csv.parquet"
    assert entry.forgotten_rows == (4,)
    assert [path.name for path in files_with_names(settings, creator.names)] == []


LATER_SPELLINGS = (
    {"account_id": "SOME.Body_1"},
    {"account_id": " @some.body_1 "},
    {"account_id": "", "url": "https://www.TikTok.com/@some.body_1"},
    {"account_id": "", "url": "tiktok.com/%40some.body_1?lang=en"},
    {"account_id": "", "url": "http://m.tiktok.com/@some.body_1/video/7"},
    {"account_id": "", "url": "//de.tiktok.com/@some%2Ebody_1"},
    {"account_id": "https://www.tiktok.com/@some.body_1"},
    {"account_id": "new_name", "id": NUMBER},
    {"account_id": "new_name", "id": f"{NUMBER}.0"},
    {"account_id": "some.body_1\u200b"},
)


@pytest.mark.parametrize("cells", LATER_SPELLINGS, ids=str)
def test_a_later_scrape_brings_back_neither_the_creator_nor_mentions(
    tmp_path: Path, engine: DuckDBWarehouse, cells: dict[str, str]
) -> None:
    settings = Settings(home=tmp_path / "home")
    settings.home.mkdir()
    write_suppression_list(settings.forgotten_file, SuppressionList("00").with_names([HANDLE, NUMBER]))
    rows = creators(20)
    rows[3] |= {"account_id": "x", "id": "", "url": "", "top_videos": ""} | cells
    rows[5] |= {"biography": f"friend of @{HANDLE.upper()}"}
    rows[6] |= {"biography": f"not @, but {HANDLE}, and {HANDLE.upper()}."}
    rows[7] |= {"bio_link": f"https://a.b/%40{HANDLE.replace('.', '%2E')}?id={NUMBER}"}
    rows[8] |= {"bio_link": f"https://a.b/?u=https%3A%2F%2Ftiktok.com%2F%2540{HANDLE}", "biography": f"id{NUMBER}"}
    register([write_csv(tmp_path / "a.csv", rows)], ingest_config(settings, engine))
    (entry,) = read_manifest(settings.raw / "2024-03-01")
    assert entry.forgotten_rows == (4,)
    assert files_with_names(settings, [HANDLE, NUMBER]) == []


PLAIN_MENTIONS = {
    "friend_of_x and some.body_1": True,
    "SOME.BODY_1!": True,
    "line\\nsome.body_1": True,
    "some.body_12": False,
    "awesome.body_1": False,
    "at some body 1": False,
    "annas": False,
    "by @annas": True,
    "cousin": True,
}


@pytest.mark.parametrize("text", PLAIN_MENTIONS)
def test_a_name_alone_in_a_later_scrape_is_found_where_it_is_distinctive(tmp_path: Path, text: str) -> None:
    """The same rule as in the erasure itself: ``annas`` is an ordinary word, ``cousin`` has six letters."""
    suppression = SuppressionList("00").with_names(["some.body_1", "annas", "cousin"])
    path = tmp_path / "a.csv"
    path.write_text(f"biography\n{text}\n", encoding="utf-8")
    assert bool(mentioned_names(path, suppression)) is PLAIN_MENTIONS[text]


DEEP = '{"a": ' * 100_000 + "1" + "}" * 100_000


def test_a_record_100_000_deep_blocks_no_erasure(tmp_path: Path, engine: DuckDBWarehouse) -> None:
    settings = Settings(home=tmp_path / "home")
    rows = [json.dumps(row) for row in creators(6)]
    rows[2] = rows[2][:-1] + f', "more": {DEEP}}}'
    scrape = tmp_path / "scrape_2024-03-01.ndjson"
    scrape.write_text("\n".join(rows), encoding="utf-8")
    register([scrape], ingest_config(settings, engine))
    settings.refused.mkdir(parents=True)
    (settings.refused / "deep.json").write_text(f'{{"account_id": "creator00004", "b": {DEEP}}}', encoding="utf-8")
    found = find_creator(settings, "creator00004", engine)
    suppression = SuppressionList("00").with_names(found.names)
    assert redact_stored_files(settings.raw, suppression, names=found.names, engine=engine) == 1
    assert [path.name for path in files_with_names(settings, found.names)] == ["deep.json"]


def test_a_name_in_the_header_of_a_file_without_one_is_replaced(tmp_path: Path) -> None:
    """The first row of a file without a header is its columns, in the manifest and in Dagster's tables."""
    change = mention_replacer([HANDLE, NUMBER], file="a.csv")
    columns = json.dumps({"columns": {"account_id": HANDLE, "tiktok_id": NUMBER}, "schema": [{"name": HANDLE}]})
    assert HANDLE not in change(columns)
    assert NUMBER not in change(columns)


def _tar(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as archive:
        entry = tarfile.TarInfo("f.csv")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _zip(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("f.csv", content)
    return buffer.getvalue()


PACKED_TEXTS: dict[str, Callable[[bytes], bytes]] = {
    "gz in gz": lambda text: gzip.compress(gzip.compress(text)),
    "zip in gz": lambda text: gzip.compress(_zip(text)),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "tar.xz": _tar,
    "zstd": lambda text: pa.compress(text, codec="zstd", asbytes=True),
    "zip in bz2": lambda text: bz2.compress(_zip(text)),
    "utf-32": lambda text: text.decode().encode("utf-32"),
}


@pytest.mark.parametrize("pack", PACKED_TEXTS.values(), ids=PACKED_TEXTS)
def test_a_refused_file_is_searched_however_it_is_packed(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    settings = Settings(home=tmp_path)
    settings.refused.mkdir(parents=True)
    theirs, other = settings.refused / "theirs", settings.refused / "other"
    theirs.write_bytes(pack(b"account_id\nsome.body_1\n" * 50))
    other.write_bytes(pack(b"account_id\nsomebody_else\n" * 50))
    assert files_with_names(settings, ["some.body_1"]) == [theirs]
    assert remove_matching_files(settings, ["some.body_1"]) == [theirs]
    assert (theirs.exists(), other.exists()) == (False, True)


def without_header(path: Path, first: str) -> Path:
    """Write a file whose first record is its header; three others mention the creator."""
    others = [f"creator{place:03d},name {place} likes @{HANDLE},{1000 + place},de,yes,text" for place in range(12)]
    path.write_text("\n".join([first, *others]) + "\n")
    return path


@pytest.mark.parametrize(
    ("first", "columns", "header"),
    [
        (
            f"{HANDLE},Some Body,n1499,de,so,text",
            {"account_id": HANDLE, "followers": "n1499"},
            [f"[forgotten] {place}" for place in range(1, 7)],
        ),
        (
            f"handle,fans of {HANDLE},n1499,de,so,text",
            {"account_id": "handle", "followers": "n1499"},
            ["handle", "fans of [forgotten]", "n1499", "de", "so", "text"],
        ),
        (
            f"handle,{HANDLE},{HANDLE},de,so,text",
            {"account_id": "handle", "followers": f"{HANDLE} (3)"},
            ["handle", "[forgotten]", "[forgotten]", "de", "so", "text"],
        ),
    ],
    ids=["the creator's record", "a mention", "twice"],
)
@pytest.mark.parametrize("ending", ["csv", "csv.gz"])
def test_the_first_record_that_became_the_header_is_forgotten_too(
    tmp_path: Path, engine: DuckDBWarehouse, *, first: str, columns: dict[str, str], header: list[str], ending: str
) -> None:
    home = Settings(home=tmp_path / "home")
    file = without_header(tmp_path / "bare.csv", first)
    if ending.endswith("gz"):
        file = tmp_path / "bare.csv.gz"
        file.write_bytes(gzip.compress((tmp_path / "bare.csv").read_bytes()))
    options = IngestOptions(snapshot="2024-03-01", column_map=columns)
    (stored,) = register([file], ingest_config(home, engine), options)
    before = cells_of(home, stored.file, engine)
    redact_stored_files(
        home.raw, SuppressionList("00").with_names([HANDLE, NUMBER]), names=[HANDLE, NUMBER], engine=engine
    )
    assert files_with_names(home, [HANDLE, NUMBER]) == []
    content = (home.raw / "2024-03-01" / stored.file).read_bytes()
    if not content.startswith(b"PAR1"):  # a file with a name twice is stored as Parquet
        text = (gzip.decompress(content) if ending.endswith("gz") else content).decode()
        assert text.splitlines()[0].split(",") == header
    assert cells_of(home, stored.file, engine) == before
    assert len(before) == 12


def test_a_later_scrape_with_the_name_above_a_column_is_stored_without_it(
    tmp_path: Path, engine: DuckDBWarehouse
) -> None:
    home = Settings(home=tmp_path / "home")
    home.home.mkdir()
    write_suppression_list(home.forgotten_file, SuppressionList("00").with_names([HANDLE]))
    file = without_header(tmp_path / "bare.csv", f"handle,fans of {HANDLE},n1499,de,so,text")
    options = IngestOptions(snapshot="2024-03-01", column_map={"account_id": "handle", "followers": "n1499"})
    (stored,) = register([file], ingest_config(home, engine), options)
    assert files_with_names(home, [HANDLE]) == []
    assert [handle for handle, _ in cells_of(home, stored.file, engine)][:2] == ["creator000", "creator001"]


def cells_of(home: Settings, file: str, engine: DuckDBWarehouse) -> list[tuple[str, str]]:
    """Return handle and followers of each record of a stored file, as its manifest says they are read."""
    (entry,) = [entry for entry in read_manifest(home.raw / "2024-03-01") if entry.file == file]
    rows = read_stored_file(
        home.raw / "2024-03-01" / file,
        dialect=entry.dialect,
        source=entry.source,
        columns=entry.columns,
        engine=engine,
        forgotten=entry.forgotten_rows,
    )
    table = rows.select("account_id", "followers").collect("pyarrow").to_native().to_pylist()
    return [(row["account_id"], row["followers"]) for row in table]
