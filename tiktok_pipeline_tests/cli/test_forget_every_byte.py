"""After ``forget`` no byte of the home names the creator: packed tables, logs of databases and pictures included."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tiktok_pipeline.privacy.content import contains_name
from tiktok_pipeline.privacy.spelling import name_pattern
from tiktok_pipeline_tests.cli.test_erase import files_with
from tiktok_pipeline_tests.homes import Home, Said
from tiktok_pipeline_tests.scrapes import HANDLE, LATER_HANDLE, NUMBER, creators, forgettable

Call = Callable[..., Said]
NAMES = (HANDLE, LATER_HANDLE, NUMBER)

WRITE_AND_DIE = """
import os, sys, duckdb
connection = duckdb.connect(sys.argv[1])
connection.execute("set wal_autocheckpoint = '1GB'")
connection.execute("update validated.profiles set nickname = 'again ' || ? where account_id = ?", sys.argv[2:])
os._exit(0)
"""


def leave_a_log(database: Path) -> Path:
    """Let a program change a row of the creator and die, so that the row is in the log beside the database."""
    database.chmod(0o600)
    subprocess.run([sys.executable, "-c", WRITE_AND_DIE, str(database), HANDLE, HANDLE], check=True, timeout=60)
    return database.with_name(f"{database.name}.wal")


def files_naming(home: Home) -> list[str]:
    """Return the files whose bytes hold a name, packed or not, and those in which it is found once unpacked."""
    pattern = name_pattern(NAMES)
    unpacked = [path for path in home.path.rglob("*") if path.is_file() and contains_name(path, pattern)]
    return sorted({*files_with(home, *NAMES), *(str(path.relative_to(home.path)) for path in unpacked)})


@pytest.mark.slow
def test_no_byte_of_the_home_names_a_forgotten_creator(copied_home: Home, call: Call, tmp_path: Path) -> None:
    home = copied_home
    packed = tmp_path / "later_2024-05-01.ndjson"
    rows = forgettable(creators(60, seed=3, day="2024-05-01"), HANDLE)
    packed.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "later.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(packed, packed.name)
    (stored,) = home.deliver(tmp_path / "later.zip")
    assert stored.snapshot == "2024-05-01"
    (home.settings.reports / "picture.svg").write_text(f"<svg><text>@{HANDLE}</text></svg>", encoding="utf-8")
    (home.path / "exports").mkdir()
    with zipfile.ZipFile(home.path / "exports" / "mine.xlsx", "w", zipfile.ZIP_DEFLATED) as workbook:
        workbook.writestr("xl/sharedStrings.xml", f"<sst><si><t>{HANDLE}</t></si></sst>" * 50)
    logs = [leave_a_log(path) for path in (home.settings.warehouse_file, home.settings.published_file)]
    assert all(HANDLE.encode() in log.read_bytes() for log in logs)
    before = files_naming(home)
    assert f"raw/2024-05-01/{stored.file}" in before
    assert {"reports/picture.svg", "exports/mine.xlsx"} <= set(before)
    result = call(home.path, "forget", HANDLE, "--all-accounts", "--yes")
    assert result.code == 0, result.err
    assert files_naming(home) == []
    assert not any(log.exists() for log in logs)
    assert "delete exports outside of the home and old backups yourself" in result.err
    assert call(home.path, "doctor").code == 0
