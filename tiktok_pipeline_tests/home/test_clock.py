"""A clock that goes back: said, keys and the newest snapshot as before, backups and locks as ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import cast

import pytest
from dagster import AssetCheckResult

from tiktok_pipeline.home import clock
from tiktok_pipeline.ingest import register
from tiktok_pipeline.orchestration.checks.freshness import freshness_check
from tiktok_pipeline_tests.homes import Home, Said
from tiktok_pipeline_tests.scrapes import creators, write_csv

BACK = datetime(2024, 3, 10, 12, tzinfo=UTC)
SAID = "the clock shows 2024-03-10 12:00 UTC, but a file was ingested at "


class EarlierTime(datetime):
    """The class ``datetime`` on a machine whose clock went back."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> EarlierTime:
        """Return the time that the clock shows."""
        return cls.fromtimestamp(BACK.timestamp(), tz)


def set_back(patch: pytest.MonkeyPatch) -> None:
    """Let the clock of this process show `BACK`."""
    patch.setattr(clock, "now", lambda: BACK)
    patch.setattr(register, "datetime", EarlierTime)
    patch.setattr(time, "time", BACK.timestamp)


def test_the_home_stays_usable_and_the_clock_is_named(
    copied_home: Home, call: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = copied_home.tables()
    set_back(monkeypatch)
    told = call(copied_home.path, "doctor", "--quick")
    assert (told.code, SAID in told.out, clock.CHECK_CLOCK in told.out) == (0, True, True)
    later = write_csv(tmp_path / "scrape.csv", creators(5, day="2024-05-01"))
    refused = call(copied_home.path, "refresh", later)
    assert refused.code == 2
    assert SAID in refused.err
    assert "no date up to today, 2024-03-10, in its rows or its name" in refused.err
    assert "Traceback" not in refused.err
    assert call(copied_home.path, "refresh").code == 0  # no new file; the lock is taken and given back
    newest = call(copied_home.path, "snapshots").out
    assert newest.index("2024-03-01") < newest.index("2024-04-01")
    assert call(copied_home.path, "backup", tmp_path / "copy").code == 0
    assert call(copied_home.path, "restore", tmp_path / "copy", "--yes").code == 0
    assert copied_home.tables() == before


def test_earlier_deliveries_are_stored_under_their_own_day(
    copied_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_back(monkeypatch)
    (stored,) = copied_home.deliver(write_csv(tmp_path / "scrape.csv", creators(5, day="2024-02-01")))
    assert stored.snapshot == "2024-02-01"
    assert sorted(path.name for path in copied_home.settings.raw.glob("2*")) == [
        "2024-02-01",
        "2024-03-01",
        "2024-04-01",
    ]


@pytest.mark.parametrize(("newest", "passes"), [("2024-03-01", True), ("2024-03-11", True), ("2024-04-01", False)])
def test_a_newest_snapshot_in_the_future_is_not_fresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, newest: str, passes: bool
) -> None:
    from tiktok_pipeline.home.manifest import write_manifest
    from tiktok_pipeline.orchestration.checks import freshness
    from tiktok_pipeline.settings import Settings

    settings = Settings(home=tmp_path)
    (settings.raw / newest).mkdir(parents=True)
    write_manifest(settings.raw / newest, [])
    monkeypatch.setattr(freshness, "datetime", EarlierTime)
    result = cast("AssetCheckResult", freshness_check(settings)())
    assert result.passed == passes
    assert ("check the clock" in str(result.metadata["newest"].value)) == (not passes)
