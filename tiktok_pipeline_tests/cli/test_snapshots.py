"""``tiktok-pipeline snapshots``: the list of snapshots, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tiktok_pipeline_tests.homes import Home, Said

Call = Callable[..., Said]


def test_snapshots_lists_the_files_of_each_snapshot(refreshed_home: Home, call: Call) -> None:
    result = call(refreshed_home.path, "snapshots")
    assert (result.code, result.err) == (0, "")
    for word in ("2024-03-01", "2024-04-01", "creator_activity_2024-04-01.csv", "public_csv", "activity_csv", "120"):
        assert word in result.out
    document = json.loads(call(refreshed_home.path, "snapshots", "--json").out)
    assert list(document) == ["ok", "error", "home", "snapshots"]
    assert (document["ok"], document["error"], document["home"]) == (True, None, str(refreshed_home.path))
    listed = {snapshot["snapshot"]: snapshot["files"] for snapshot in document["snapshots"]}
    assert [(file["source"], file["dialect"], file["rows"]) for file in listed["2024-04-01"]] == [
        ("creator_activity", "activity_csv", 60),
        ("profiles", "public_csv", 120),
    ]
    assert list(listed["2024-03-01"][0]) == ["file", "source", "dialect", "rows", "ingested_at", "left_out_because"]


def test_a_home_without_snapshots_tells_what_to_run(tmp_path: Path, call: Call) -> None:
    result = call(tmp_path / "home", "snapshots")
    assert result.code == 0
    assert result.err == f"no snapshot in {tmp_path / 'home'} yet; run `tiktok-pipeline refresh FILE` first\n"
    assert json.loads(call(tmp_path / "home", "snapshots", "--json").out)["snapshots"] == []
