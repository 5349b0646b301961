"""Every command says in one line which file of the home is damaged; what it does not read, it does without."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tiktok_pipeline.cli.app import COMMANDS
from tiktok_pipeline.cli.console import FAILED
from tiktok_pipeline_tests.cli.test_damage import break_bits
from tiktok_pipeline_tests.homes import Home, Said
from tiktok_pipeline_tests.scrapes import creators, write_csv

Call = Callable[..., Said]
STUDY, ROWS = "influencer_segments", "select bit_xor(hash(p)) from validated.profiles as p"

PUBLISHED: tuple[tuple[str, ...], ...] = (
    ("sql", ROWS),
    ("trace", "creator00009"),
    ("export", STUDY, "--out", "OUT"),
    ("changes",),
    ("history", "creator00009"),
    ("score", "SCRAPE", "--study", STUDY),
)
WAREHOUSE: tuple[tuple[str, ...], ...] = (
    ("sql", "--warehouse", ROWS),
    ("tune", "active_creators", "--trials", "1"),
    ("prune", "--keep", "1", "--yes"),
    ("withdraw", "--snapshot", "2024-03-01", "--yes"),
    ("refresh", "--resume"),
    ("refresh", "SCRAPE", "--study", STUDY),
)
SLOW: tuple[tuple[str, ...], ...] = (("forget", "creator00009", "--yes"), ("refresh", "--all", "--study", STUDY))
BOTH: tuple[tuple[str, ...], ...] = (("doctor",), ("doctor", "--quick"), ("backup", "BACKUP"))
NEITHER: tuple[tuple[str, ...], ...] = (("snapshots",), ("report",))
ELSEWHERE = {"inspect", "restore", "ui", "explore", "sample"}
"""They read no database of the home before they do their work; see ``explorer/test_damage.py`` for `explore`."""

DAMAGE: dict[str, Callable[[Path], None]] = {
    "cut off": lambda path: os.truncate(path, 300_000),
    "broken bits": lambda path: break_bits(path, every=50_000),
}


def arguments_of(words: tuple[str, ...], folder: Path) -> list[str]:
    scrape = write_csv(folder / "profiles_2024-05-01.csv", creators(60, day="2024-05-01"))
    places = {"OUT": folder / "out.csv", "BACKUP": folder / "backup", "SCRAPE": scrape}
    return [str(places.get(word, word)) for word in words]


def check_is_named(result: Said, path: Path, words: tuple[str, ...]) -> None:
    """The command failed, and one line names the file and what to do."""
    said = result.out if words[0] == "doctor" else "\n".join(result.problems)
    named = [line for line in said.splitlines() if f"{path}: this database file is damaged" in line]
    assert (result.code, len(named)) == (FAILED, 1), result
    assert "tiktok-pipeline doctor --fix" in named[0]
    assert "tiktok-pipeline restore DIR" in named[0]
    assert "Traceback" not in result.err + result.out
    assert "Stack Trace" not in result.err + result.out
    if words[0] != "doctor":
        assert len(result.problems) == 1


def shown(words: tuple[str, ...]) -> str:
    return " ".join(words[:2]).partition("select")[0]


def test_every_command_is_looked_at() -> None:
    looked_at = {words[0] for words in (*PUBLISHED, *WAREHOUSE, *SLOW, *BOTH, *NEITHER)}
    assert looked_at | ELSEWHERE == set(COMMANDS)


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("words", [*PUBLISHED, *BOTH], ids=shown)
def test_a_damaged_published_file_is_named(
    copied_home: Home, call: Call, tmp_path: Path, words: tuple[str, ...], damage: str
) -> None:
    path = copied_home.settings.published_file
    path.chmod(0o600)
    DAMAGE[damage](path)
    check_is_named(call(copied_home.path, *arguments_of(words, tmp_path)), path, words)


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize(
    "words", [*WAREHOUSE, *BOTH, *(pytest.param(words, marks=pytest.mark.slow) for words in SLOW)], ids=shown
)
def test_a_damaged_warehouse_is_named(
    copied_home: Home, call: Call, tmp_path: Path, words: tuple[str, ...], damage: str
) -> None:
    path = copied_home.settings.warehouse_file
    DAMAGE[damage](path)
    check_is_named(call(copied_home.path, *arguments_of(words, tmp_path)), path, words)


@pytest.mark.parametrize("words", NEITHER, ids=shown)
def test_a_command_that_reads_no_database_does_its_work(
    copied_home: Home, call: Call, words: tuple[str, ...]
) -> None:
    for path in (copied_home.settings.warehouse_file, copied_home.settings.published_file):
        path.chmod(0o600)
        os.truncate(path, 20)
    result = call(copied_home.path, *words)
    assert (result.code, result.err) == (0, "")
    assert "2024-04-01" in result.out


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize(
    "words", [("prune", "--keep", "1", "--yes"), ("refresh", "SCRAPE", "--study", STUDY)], ids=shown
)
def test_a_command_that_writes_makes_a_damaged_published_file_anew(
    copied_home: Home, call: Call, tmp_path: Path, words: tuple[str, ...], damage: str
) -> None:
    path = copied_home.settings.published_file
    path.chmod(0o600)
    DAMAGE[damage](path)
    assert call(copied_home.path, *arguments_of(words, tmp_path)).code == 0
    assert call(copied_home.path, "doctor").code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("refresh",),
        ("refresh", "SCRAPE", "--study", STUDY),
        ("forget", "somebody_else", "--yes"),
        ("doctor", "--quick"),
    ],
    ids=shown,
)
def test_a_list_of_forgotten_creators_that_was_cut_short_is_one_line(
    copied_home: Home, call: Call, tmp_path: Path, words: tuple[str, ...]
) -> None:
    path = copied_home.settings.forgotten_file
    path.write_text('{"salt": "00", "hash', encoding="utf-8")
    before = copied_home.tables()
    result = call(copied_home.path, *arguments_of(words, tmp_path))
    assert (result.code, len(result.problems)) == (FAILED, 1), result
    assert f"{path}: damaged, so nobody can tell who asked to be forgotten" in result.problems[0]
    assert "Traceback" not in result.err + result.out
    assert copied_home.tables() == before


def files_of(home: Home) -> dict[str, bytes]:
    """Return the files of the home but Dagster's, which note that a command ran."""
    own = [path for path in home.path.rglob("*") if path.is_file() and path.name != ".lock"]
    return {str(path): path.read_bytes() for path in own if not path.is_relative_to(home.settings.dagster_home)}


def test_forget_names_a_stored_file_that_was_broken_since_and_erases_nothing_by_half(
    copied_home: Home, call: Call, tmp_path: Path
) -> None:
    rows = creators(400, seed=7, day="2024-05-01")
    plain = {"compression": "none", "use_dictionary": False, "row_group_size": 100}
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "later.parquet", **plain)
    (stored,) = copied_home.deliver(tmp_path / "later.parquet")
    path = copied_home.settings.raw / "2024-05-01" / stored.file
    content = path.read_bytes()
    place = content.index(b"creator no. 300")  # the head of a page of biographies lies before it
    path.write_bytes(content[: place - 30] + b"\xff" * 26 + content[place - 4 :])
    before = files_of(copied_home)
    result = call(copied_home.path, "forget", "creator00009", "--yes")
    assert (result.code, len(result.problems)) == (FAILED, 1), result
    assert f"{path}: gone, or changed since it was delivered" in result.problems[0]
    assert files_of(copied_home) == before


WRITE_AND_DIE = """
import os, sys, duckdb
connection = duckdb.connect(sys.argv[1])
connection.execute("set wal_autocheckpoint = '1GB'; create table notes as select 'mine' as note")
os._exit(0)
"""


def test_a_program_that_wrote_to_the_published_file_and_died_is_told_and_locks_nobody_out(
    copied_home: Home, call: Call
) -> None:
    """What becomes of the log at the next refresh is tested in ``warehouse/test_publish.py``."""
    path = copied_home.settings.published_file
    path.chmod(0o600)
    count = "select count(*) from validated.profiles"
    before = copied_home.value(count, published=True)
    subprocess.run([sys.executable, "-c", WRITE_AND_DIE, str(path)], check=True, timeout=60)
    log = path.with_name(f"{path.name}.wal")
    assert log.exists()
    result = call(copied_home.path, "doctor", "--quick")
    (line,) = [line for line in result.out.splitlines() if str(log) in line]
    assert line == (
        f"WARNING {log}: another program wrote to the published file and died; readers see what it wrote "
        "-> the next refresh removes it"
    )
    assert copied_home.value(count, published=True) == before
    answered = call(copied_home.path, "sql", "select note from notes")
    assert (answered.code, answered.problems, "mine" in answered.out) == (0, [], True)
