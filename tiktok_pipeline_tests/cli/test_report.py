"""``report`` prints where the report of a snapshot is; ``tune`` refuses in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tiktok_pipeline.cli.console import FAILED, USAGE_ERROR
from tiktok_pipeline.reports.find import ReportNotFoundError, find_report

if TYPE_CHECKING:
    from tiktok_pipeline_tests.homes import Home, Said

Call = Callable[..., "Said"]


def test_report_prints_the_newest_report_unless_another_is_named(refreshed_home: Home, call: Call) -> None:
    pages = refreshed_home.settings.reports
    assert call(refreshed_home.path, "report").out == f"{pages / '2024-04-01.html'}\n"
    assert call(refreshed_home.path, "report", "2024-03-01").out == f"{pages / '2024-03-01.html'}\n"


def test_report_opens_the_report_in_the_browser(
    refreshed_home: Home, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    import webbrowser

    asked: list[str] = []
    monkeypatch.setattr(webbrowser, "open", asked.append)
    assert call(refreshed_home.path, "report", "--open").code == 0
    assert asked == [(refreshed_home.settings.reports / "2024-04-01.html").as_uri()]


@pytest.mark.parametrize("key", ["2024-03-02", "../2024-03-01", "", "/etc/passwd"])
def test_an_unknown_snapshot_is_an_error_that_lists_the_snapshots(refreshed_home: Home, call: Call, key: str) -> None:
    result = call(refreshed_home.path, "report", key)
    assert result.code == FAILED
    assert result.err == f"tiktok-pipeline: no report of snapshot {key}; the reports are: 2024-03-01, 2024-04-01\n"


def test_without_a_report_the_error_tells_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ReportNotFoundError, match=r"no report in .* yet; run `tiktok-pipeline refresh FILE` first"):
        find_report(tmp_path, None)


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["no_such"], USAGE_ERROR, "no study 'no_such'; the studies are: active_creators"),
        (["balanced_segments"], USAGE_ERROR, "study balanced_segments has no network to tune"),
        (["active_creators", "--snapshot", "2020-01-01"], USAGE_ERROR, "the snapshots are: 2024-03-01, 2024-04-01"),
        (
            ["active_creators", "--snapshot", "2024-03-01"],
            FAILED,
            "snapshot 2024-03-01: 4 positive of 117 labeled profiles",
        ),
        (["active_creators", "--trials", "0"], USAGE_ERROR, "Invalid value for '--trials'"),
    ],
)
def test_tune_refuses_in_one_line(
    refreshed_home: Home, call: Call, arguments: list[str], code: int, text: str
) -> None:
    pytest.importorskip("torch", reason="the network is an extra")
    result = call(refreshed_home.path, "tune", *arguments)
    assert result.code == code
    assert text in result.err
    assert len(result.err.splitlines()) == 1


def test_tune_without_torch_names_the_extra(
    refreshed_home: Home, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tiktok_pipeline.classifiers import network

    monkeypatch.setattr(network, "is_installed", lambda: False)
    result = call(refreshed_home.path, "tune", "active_creators")
    assert result.code == FAILED
    assert "install the extra `neural`" in result.err


def test_tune_without_a_snapshot_tells_what_to_run(call: Call, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the network is an extra")
    result = call(tmp_path / "home", "tune", "active_creators")
    assert result.code == FAILED
    assert "no snapshot in" in result.err
