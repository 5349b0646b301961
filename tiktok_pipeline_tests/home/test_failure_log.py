"""The log of failed runs."""

from __future__ import annotations

from pathlib import Path

from tiktok_pipeline.home.failure_log import log_failure


def test_a_failed_run_has_one_line_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "failures.log"
    tags = {"tiktok_pipeline/snapshot": "2024-03-01", "tiktok_pipeline/files": "a.csv,\x1b[2J b.csv"}
    for _ in range(2):
        log_failure(log, run_id="abc", step="raw", message="no\nsuch \x1b[31mthing", tags=tags)
    log_failure(log, run_id="def", step="raw", message="x", tags={"dagster/partition": "2024-04-01"})
    first, second = log.read_text(encoding="utf-8").splitlines()
    escaped = r"run=abc snapshot=2024-03-01 files=a.csv,\x1b[2J b.csv step=raw: no such \x1b[31mthing"
    assert first.partition(" ")[2] == escaped
    assert second.partition(" ")[2] == "run=def snapshot=2024-04-01 files=- step=raw: x"


def test_a_log_that_is_too_long_is_moved_aside_before_the_next_line(tmp_path: Path) -> None:
    log = tmp_path / "failures.log"
    log.write_text("x" * 1_100_000, encoding="utf-8")
    log_failure(log, run_id="abc", step="raw", message="x", tags={})
    assert log.stat().st_size < 1_000
    assert log.with_name("failures.log.1").stat().st_size == 1_100_000
