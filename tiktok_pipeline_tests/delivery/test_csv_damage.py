"""Damage to CSV texts that only a look at the other rows, or at the line ends, shows."""

from __future__ import annotations

import io

import pytest

from tiktok_pipeline.delivery.csv_records import open_csv

Cells = tuple[str | None, ...]


def read(text: str) -> tuple[list[Cells], list[int | None]]:
    """Return the good records, and the lines of the damaged ones."""
    records = list(open_csv(lambda: io.BytesIO(text.encode()), name="file.csv").records())
    good = [record.cells for record in records if record.problem is None]
    return good, [record.line for record in records if record.problem is not None]


COMMENTED = "# made by a tool\rday,fans,bio\r2024-05-01,100,tea\r2024-05-02,200,cakes{}2024-05-03,300,knits\r"


def test_what_looks_like_a_comment_below_a_line_that_ends_otherwise_may_be_a_part_of_its_row() -> None:
    good, damaged = read(COMMENTED.format("\n\n# and more\r"))
    assert good == [("2024-05-01", "100", "tea"), ("2024-05-03", "300", "knits")]
    assert damaged == [4, 6]


@pytest.mark.parametrize("between", ["\r# page 2\r", "\r\r# page 2\r", "\r# page 2\r# and 3\r"])
def test_a_comment_below_a_line_that_ends_alike_is_one(between: str) -> None:
    good, damaged = read(COMMENTED.format(between))
    assert (len(good), damaged) == (3, [])


def test_a_comment_below_a_cell_of_several_lines_is_one() -> None:
    good, damaged = read(COMMENTED.format("\r").replace("cakes\r", '"cakes\nand more"\r# page 2\r'))
    assert good[1] == ("2024-05-02", "200", "cakes\nand more")
    assert (len(good), damaged) == (3, [])
