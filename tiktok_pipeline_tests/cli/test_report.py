"""``report`` tells where the page of a snapshot is; ``tune`` refuses in one line what it cannot do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tiktok_pipeline.cli import app as cli
from tiktok_pipeline.reports.find import ReportNotFoundError, find_report

if TYPE_CHECKING:
    from tiktok_pipeline_tests.homes import Home, Said

Call = Callable[..., "Said"]


def test_the_newest_page_is_told_unless_another_is_asked_for(refreshed_home: Home, call: Call) -> None:
    pages = refreshed_home.settings.reports
    assert call(refreshed_home.path, "report").out == f"{pages / '2024-04-01.html'}\n"
    assert call(refreshed_home.path, "report", "2024-03-01").out == f"{pages / '2024-03-01.html'}\n"


def test_it_is_shown_in_the_browser(refreshed_home: Home, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    import webbrowser

    asked: list[str] = []
    monkeypatch.setattr(webbrowser, "open", asked.append)
    assert call(refreshed_home.path, "report", "--open").code == 0
    assert asked == [(refreshed_home.settings.reports / "2024-04-01.html").as_uri()]


@pytest.mark.parametrize("key", ["2024-03-02", "../2024-03-01", "", "/etc/passwd"])
def test_an_unknown_snapshot_is_one_line_with_those_there_are(refreshed_home: Home, call: Call, key: str) -> None:
    said = call(refreshed_home.path, "report", key)
    assert said.code == cli.FAILED
    assert said.err == f"tiktok-pipeline: no report of snapshot {key}; the reports are: 2024-03-01, 2024-04-01\n"


def test_without_a_page_it_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ReportNotFoundError, match=r"no report in .* yet; run `tiktok-pipeline refresh FILE` first"):
        find_report(tmp_path, None)


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["no_such"], cli.USAGE_ERROR, "no study 'no_such'; the studies are: active_creators"),
        (["balanced_segments"], cli.USAGE_ERROR, "study balanced_segments has no network to tune"),
        (
            ["active_creators", "--snapshot", "2020-01-01"],
            cli.FAILED,
            "snapshot 2020-01-01: 0 positive of 0 labelled profiles",
        ),
        (["active_creators", "--trials", "0"], cli.USAGE_ERROR, "Invalid value for '--trials'"),
    ],
)
def test_what_cannot_be_tuned_is_one_line(
    refreshed_home: Home, call: Call, arguments: list[str], code: int, text: str
) -> None:
    pytest.importorskip("torch", reason="the network is an extra")
    said = call(refreshed_home.path, "tune", *arguments)
    assert said.code == code
    assert text in said.err
    assert len(said.err.splitlines()) == 1


def test_without_torch_it_names_the_extra(refreshed_home: Home, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    from tiktok_pipeline.classifiers import network

    monkeypatch.setattr(network, "is_installed", lambda: False)
    said = call(refreshed_home.path, "tune", "active_creators")
    assert said.code == cli.FAILED
    assert "install the extra `neural`" in said.err


def test_without_a_snapshot_it_says_what_to_run(call: Call, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the network is an extra")
    said = call(tmp_path / "home", "tune", "active_creators")
    assert said.code == cli.FAILED
    assert "no snapshot in" in said.err
