"""Checksums of Dagster's records: no flipped bit is missed, and nothing that Dagster does is an alarm."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from dagster import AssetKey, DagsterInstance, RunsFilter
from dagster._core.scheduler.instigation import InstigatorType, TickData, TickStatus

from benchmarks.reliability.disk_damage import records_say
from tiktok_pipeline.orchestration.partitions import add_snapshots, delete_snapshot
from tiktok_pipeline.orchestration.runs.instance import open_instance
from tiktok_pipeline.upkeep import record_checksums as record_checksums_module
from tiktok_pipeline.upkeep.doctor import check_records
from tiktok_pipeline.upkeep.record_checksums import FILE, changed_records, forget_checksums, record_checksums
from tiktok_pipeline_tests.homes import UNTIL_VALIDATED, Home


@contextmanager
def recorded(home: Home) -> Iterator[tuple[DagsterInstance, Path]]:
    """Record the checksums of a home; afterwards nothing may be changed without having been written."""
    records = home.settings.dagster_home
    record_checksums(records)
    with open_instance(home.settings) as instance:
        yield instance, records
    assert list(changed_records(records)) == []
    record_checksums(records)
    assert list(changed_records(records)) == []


def databases(records: Path) -> list[Path]:
    """Return the databases, each alone: what is in the logs beside them is written into them."""
    found = sorted(path for path in records.rglob("*.db") if path.stat().st_size)
    for path in found:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("pragma wal_checkpoint(truncate)")
    return found


def test_no_flipped_bit_of_what_the_records_say_is_missed(copied_home: Home) -> None:
    records = copied_home.settings.dagster_home
    paths = databases(records)
    record_checksums(records)
    draw = random.Random(5)
    changed = 0
    for _ in range(60):
        path = draw.choice(paths)
        sound, before = path.read_bytes(), records_say(path)
        content = bytearray(sound)
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
        if records_say(path) != before:
            changed += 1
            assert [finding.level for finding in check_records(records, quick=False)] != []
        path.write_bytes(sound)
        for ending in ("-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
    assert changed > 10


@pytest.mark.parametrize("flipped", [0x01, 0x80])
def test_a_row_whose_run_is_misspelled_is_told(copied_home: Home, flipped: int) -> None:
    """Its run has one row less, as if Dagster had deleted it."""
    records = copied_home.settings.dagster_home
    record_checksums(records)
    path = next(path for path in databases(records) if path.stem.count("-") == 4)
    content = bytearray(path.read_bytes())
    place = content.index(path.stem.encode() + b'{"__class__"')
    content[place + 7] ^= flipped
    path.write_bytes(content)
    found = [finding for finding in changed_records(records) if finding.startswith(f"{path}: ")]
    assert found == [f"{path}: event_logs: the run of 1 row(s) changed"]


def test_what_was_changed_before_stays_known(copied_home: Home) -> None:
    records = copied_home.settings.dagster_home
    record_checksums(records)
    for path in (records / "history" / "runs" / "index.db", records / "history" / "runs.db"):
        table = "event_logs" if path.stem == "index" else "runs"
        column = "event" if path.stem == "index" else "run_body"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"update {table} set {column} = {column} || ' ' where id = 1")
            connection.commit()
        record_checksums(records)
        assert any(found.startswith(f"{path}: {table}: 1 ") for found in changed_records(records))


def test_the_outcome_of_a_tick_is_no_alarm(copied_home: Home) -> None:
    """Dagster writes it without a time, maybe after a command that ran beside the sensor."""
    data = TickData("origin", "sensor", InstigatorType.SENSOR, TickStatus.STARTED, 1.0)
    with open_instance(copied_home.settings) as instance:
        tick = instance.create_tick(data)
    with recorded(copied_home) as (instance, _):
        instance.update_tick(tick.with_status(TickStatus.SUCCESS))


def test_rows_that_dagster_keeps_of_a_deleted_run_are_no_alarm(copied_home: Home) -> None:
    records = copied_home.settings.dagster_home
    record_checksums(records)
    with open_instance(copied_home.settings) as instance:
        run = instance.get_runs(limit=1)[0].run_id
        instance.delete_run(run)
    with closing(sqlite3.connect(records / "history" / "runs" / "index.db")) as connection:
        kept = "select count(*) from asset_check_executions where run_id = ?"
        assert connection.execute(kept, [run]).fetchone()[0] > 0
    assert list(changed_records(records)) == []


def test_what_dagster_does_is_no_alarm(copied_home: Home) -> None:
    with recorded(copied_home) as (instance, _):
        run = instance.get_runs()[0]
        instance.add_run_tags(run.run_id, {"more": "tags"})
        instance.report_engine_event("a message after the end", run)
        instance.wipe_assets([AssetKey("published")])
    with recorded(copied_home) as (instance, _):
        add_snapshots(instance, ["2030-01-01"])
        delete_snapshot(instance, "2030-01-01")
        add_snapshots(instance, ["2030-01-02"])  # takes the number of the row that was deleted
    with recorded(copied_home) as (instance, _):
        last = instance.get_run_records(RunsFilter(), limit=1)[0].dagster_run
        instance.delete_run(last.run_id)
        # The events of the next run take the numbers of the deleted ones.
        assert copied_home.refresh("2024-03-01", selection=UNTIL_VALIDATED, instance=instance).success


def test_damaged_checksums_are_told_and_kept_until_somebody_removes_them(copied_home: Home) -> None:
    records = copied_home.settings.dagster_home
    record_checksums(records)
    file = records / FILE
    file.write_text(file.read_text().replace("2", "3", 1))
    record_checksums(records)
    assert list(changed_records(records)) == [f"{file}: damaged"]
    forget_checksums(records)
    record_checksums(records)
    assert list(changed_records(records)) == []


def test_records_of_another_version_of_dagster_are_not_compared(
    copied_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = copied_home.settings.dagster_home
    record_checksums(records)
    path = records / "history" / "runs.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("alter table runs add column more text")
    assert any(found.startswith(f"{path}: sqlite_master: 1 row(s)") for found in changed_records(records))
    monkeypatch.setattr(record_checksums_module, "version", lambda _: "99")
    assert list(changed_records(records)) == []
    record_checksums(records)
    assert list(changed_records(records)) == []
