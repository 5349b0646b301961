"""Commands on a disk that runs full fail in one line, and the same command with room ends well."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.reliability.crash import CannotMountError
from benchmarks.reliability.full_disks import BACKUP, measure_full_disks


@pytest.mark.slow
def test_a_command_on_a_full_disk_says_so_and_can_be_repeated(tmp_path: Path) -> None:
    try:
        trials = measure_full_disks(
            tmp_path, seed=1, log=print, profiles=60, first_megabytes=4, commands=("prune", BACKUP)
        )
    except CannotMountError as error:
        pytest.skip(str(error))
    assert [trial.problem for trial in trials] == [""] * len(trials)
    assert {trial.command: trial.exit_code for trial in trials} == {"prune": 0, BACKUP: 0}
    assert len([trial for trial in trials if trial.exit_code == 1]) >= 4
