"""Small invented scrapes in the columns of the public data set, for tests that follow a file through the pipeline."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

Row = dict[str, str]

COLUMNS = (
    "timestamp",
    "account_id",
    "nickname",
    "biography",
    "awg_engagement_rate",
    "comment_engagement_rate",
    "like_engagement_rate",
    "bio_link",
    "is_verified",
    "followers",
    "following",
    "likes",
    "videos_count",
    "create_time",
    "id",
    "top_videos",
    "url",
)
HANDLE, LATER_HANDLE, NUMBER = "some.body_1", "now_another", "6999999999999999999"
"""A creator who changes the handle between two scrapes; see `forgettable`."""
ACTIVITY_COLUMNS = ("User ID", "Instagram visit score", "Spending_rank(0 to 100)")


def creators(count: int, *, seed: int = 1, day: str = "2024-03-01") -> list[Row]:
    """Invent creators with heavy-tailed counts; cells are spelled as in the public file."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        followers = int(draw.lognormvariate(9.0, 1.6))
        comments = draw.lognormvariate(-7.0, 0.6)
        likes = draw.lognormvariate(-4.0, 0.5)
        rows.append(
            {
                "timestamp": day,
                "account_id": f"creator{number:05d}",
                "nickname": f"Créateur {number} 🎬",
                "biography": 'says "hi" to all,\nand more' if number % 7 == 0 else f"creator no. {number}",
                "awg_engagement_rate": repr(comments + likes),
                "comment_engagement_rate": repr(comments),
                "like_engagement_rate": repr(likes),
                "bio_link": "https://example.org/x" if number % 5 == 0 else "null",
                "is_verified": "true" if number % 40 == 0 else "false",
                "followers": str(followers),
                "following": str(int(draw.lognormvariate(5.5, 1.2))),
                "likes": str(int(followers * draw.lognormvariate(2.5, 0.7))),
                "videos_count": str(1 + int(draw.lognormvariate(4.5, 1.0))),
                "create_time": "null",
                "id": str(6_000_000_000_000_000_000 + number),
                "top_videos": f"https://www.tiktok.com/@creator{number:05d}/video/1",
                "url": f"https://www.tiktok.com/@creator{number:05d}",
            }
        )
    return rows


def forgettable(rows: Sequence[Row], handle: str) -> list[Row]:
    """Return the rows with a creator in the fourth who has `NUMBER` and this handle; the sixth mentions them."""
    changed = [dict(row) for row in rows]
    link = f"https://www.tiktok.com/@{handle}"
    changed[3] |= {
        "account_id": handle,
        "id": NUMBER,
        "nickname": f"I am {handle}",
        "url": link,
        "top_videos": f"{link}/video/1",
    }
    changed[5] |= {"biography": f'with @{handle.upper()}, and "others"'}
    return changed


def activity(count: int, *, seed: int = 2) -> list[Row]:
    """Invent rows of the activity file with two scores."""
    draw = random.Random(seed)
    return [
        dict(zip(ACTIVITY_COLUMNS, (str(number), str(draw.randint(5, 99)), repr(draw.uniform(1, 100))), strict=True))
        for number in range(count)
    ]


def write_csv(path: Path, rows: Iterable[Mapping[str, str]], columns: Sequence[str] | None = None) -> Path:
    """Write rows with a header and return the path; the columns are those of the first row unless given."""
    rows = list(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, columns or list(rows[0]), quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def spoiled(rows: Sequence[Row], count: int, **cells: str) -> list[Row]:
    """Return a copy of the rows in which the first ``count`` have the given ``cells``."""
    return [{**row, **cells} if place < count else dict(row) for place, row in enumerate(rows)]
