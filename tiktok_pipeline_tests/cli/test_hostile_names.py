"""Names of files with terminal escapes, line breaks and turned text are shown escaped, wherever they are told."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from dagster import DagsterInstance

from tiktok_pipeline.ingest.inbox import IngestResult
from tiktok_pipeline.orchestration.assets.incoming import _metadata
from tiktok_pipeline.orchestration.runs.tags import FILES_TAG
from tiktok_pipeline_tests.homes import UNTIL_VALIDATED, Home, Said
from tiktok_pipeline_tests.scrapes import creators, write_csv

Call = Callable[..., Said]

NAME = "a\x1b[31m\nb\u202e\udcff_2024-05-01.csv"
SHOWN = r"a\x1b[31m\x0ab\u202e\xff_2024-05-01.csv"
HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def check_shown(text: str) -> None:
    """Assert that the name is in the text as it should be shown, and that no line steers a terminal."""
    assert SHOWN in text
    check_nothing_hidden(text)


def check_nothing_hidden(text: str) -> None:
    """Assert that no line of a text steers a terminal or turns its direction."""
    assert {unicodedata.category(character) for line in text.splitlines() for character in line} & HIDDEN == set()


def test_the_name_of_a_refused_file(tmp_path: Path, call: Call) -> None:
    home = tmp_path / "home"
    incoming = home / "incoming"
    incoming.mkdir(parents=True)
    (incoming / NAME).write_text("no,table\n1,2\n", encoding="utf-8")
    os.utime(incoming / NAME, (0, 0))
    refreshed = call(home, "refresh")
    check_shown(refreshed.err)
    check_shown(call(home, "doctor", "--quick").out)
    (reason,) = (incoming / "refused").glob("*.why.txt")
    check_shown(reason.read_text(encoding="utf-8"))
    for path in home.rglob("*.log"):
        assert "\x1b" not in path.read_text(encoding="utf-8", errors="replace")


@pytest.mark.parametrize("command", ["refresh", "inspect"])
def test_the_name_of_a_file_that_is_not_there(tmp_path: Path, call: Call, command: str) -> None:
    result = call(tmp_path / "home", command, tmp_path / NAME)
    check_shown(result.err)
    assert len(result.problems) == 1


def test_the_name_of_a_file_that_is_inspected(tmp_path: Path, call: Call) -> None:
    write_csv(tmp_path / NAME, creators(5))
    check_shown(call(tmp_path / "home", "inspect", tmp_path / NAME).out)


def test_the_name_of_a_file_that_is_stored(tmp_path: Path, call: Call) -> None:
    home = Home(tmp_path / "home")
    (registered,) = home.deliver(write_csv(tmp_path / NAME, creators(5)), snapshot="2024-05-01")
    assert re.fullmatch(r"[\w.-]+", registered.file)
    assert registered.delivered_as == SHOWN
    assert home.refresh("2024-05-01", selection=UNTIL_VALIDATED).success
    assert home.value("select delivered_name from raw.files") == SHOWN
    result = call(home.path, "withdraw", "another.csv", "--yes")
    check_shown(result.err)


def test_the_name_of_a_file_that_waits_is_escaped_in_dagster() -> None:
    (record,) = _metadata(IngestResult(waiting=[NAME]))["files"].records
    assert record.data["file"] == SHOWN


@pytest.mark.slow
def test_the_name_of_a_file_in_the_report_and_in_the_tags_of_its_runs(tmp_path: Path, call: Call) -> None:
    home = Home(tmp_path / "home")
    incoming = home.settings.incoming
    incoming.mkdir(parents=True)
    os.utime(write_csv(incoming / NAME, creators(60, day="2024-05-01")), (0, 0))
    result = call(home.path, "refresh", "--study", "influencer_segments")
    assert result.code == 0, result.err
    (report,) = home.settings.reports.glob("*.html")
    check_nothing_hidden(report.read_text(encoding="utf-8"))
    with DagsterInstance.from_config(str(home.settings.dagster_home)) as instance:
        tags = [run.tags[FILES_TAG] for run in instance.get_runs() if FILES_TAG in run.tags]
    assert tags
    for tag in tags:
        check_nothing_hidden(tag)
