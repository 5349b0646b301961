"""Two snapshots that can hardly be compared: both refreshes succeed, and what is missing has a reason."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tiktok_pipeline_tests.homes import Home, quick_studies, reasons_of
from tiktok_pipeline_tests.scrapes import Row, creators, write_csv

pytestmark = pytest.mark.slow

FIRST, SECOND = "2024-03-01", "2024-04-01"
BALANCED = tuple(study for study in quick_studies() if study.name == "balanced_segments")
COUNT = 60


def other_handles(rows: list[Row], mark: str, *, is_same_creator: bool) -> list[Row]:
    """Return the rows under other handles, with the same ids or with others."""
    changed = []
    for number, row in enumerate(rows):
        handle = f"{mark}{number}"
        id_ = row["id"] if is_same_creator else str(7_100_000_000_000_000_000 + number)
        link = f"https://www.tiktok.com/@{handle}"
        changed.append({**row, "account_id": handle, "id": id_, "url": link, "top_videos": f"{link}/video/1"})
    return changed


@dataclass(frozen=True)
class Pair:
    """Two scrapes; the creators of both, those renamed, and whether the model may go on from the first."""

    second: list[Row]
    in_both: int
    renamed: int = 0
    note: str | None = None
    may_continue: bool = False
    first: list[Row] | None = None


LATER = creators(COUNT, day=SECOND)
TRACKER = [
    {"Username": row["account_id"], **{name: row[name] for name in ("followers", "likes", "videos_count")}}
    for row in LATER
]
OLDER = other_handles(creators(COUNT, day="2024-02-01"), "renamed", is_same_creator=True)
NOBODY = f"no creator is also in snapshot {FIRST}"
PAIRS = {
    "nobody in common": Pair(
        other_handles(LATER, "stranger", is_same_creator=False), in_both=0, note=NOBODY, may_continue=True
    ),
    "everybody renamed, one twice, with older dates than before": Pair(
        [*OLDER, *other_handles(OLDER[:1], "second", is_same_creator=True)],
        in_both=COUNT,
        renamed=COUNT,
        may_continue=True,
    ),
    "no ids and no rates now": Pair(TRACKER, in_both=COUNT),
    # Until the first is computed again, its creators are known by their handles only.
    "no ids and no rates before": Pair(LATER, in_both=0, note=NOBODY, first=TRACKER),
    "too few for the study before": Pair(LATER, in_both=3, first=creators(3)),
}


def refresh(home: Home, snapshot: str, rows: list[Row]) -> None:
    home.deliver(write_csv(home.path.parent / f"profiles_{snapshot}.csv", rows), snapshot=snapshot)
    result = home.refresh(snapshot)
    assert result.success, reasons_of(result)


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Refresh an ordinary first snapshot, which several pairs share."""
    home = Home(tmp_path_factory.mktemp("usual") / "home", studies=BALANCED)
    refresh(home, FIRST, creators(COUNT))
    return home.path


@pytest.mark.parametrize("kind", PAIRS)
def test_both_refreshes_succeed_and_what_is_missing_says_why(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    pair, home = PAIRS[kind], Home(tmp_path / "home", studies=BALANCED)
    if pair.first is None:
        shutil.copytree(request.getfixturevalue("usual"), home.path)
    else:
        refresh(home, FIRST, pair.first)
    refresh(home, SECOND, pair.second)
    ((in_both, renamed, note),) = home.sql(
        f"select in_both, renamed, note from creators.comparisons where snapshot = '{SECOND}'", published=True
    )
    assert (in_both, renamed, note) == (pair.in_both, pair.renamed, pair.note)
    both = home.value(
        "select coalesce(sum(creators), 0) from personas.migrations where kind = 'both'", published=True
    )
    assert both == (pair.in_both if pair.first is None else 0)
    starts = home.sql(f"select distinct start from clusters.continuity where snapshot = '{SECOND}'", published=True)
    assert (starts == [("earlier snapshot",)]) <= pair.may_continue
    page = (home.settings.reports / f"{SECOND}.html").read_text(encoding="utf-8")
    assert "Since the last snapshot" in page
    assert pair.note is None or pair.note in page
