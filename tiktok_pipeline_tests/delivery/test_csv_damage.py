"""Damage to CSV texts that only a look at the other rows, or at the line ends, shows."""

from __future__ import annotations

import io

import pytest

from tiktok_pipeline.delivery.csv_cells import CellSyntax, Quotes
from tiktok_pipeline.delivery.csv_multiline import MultilineRows
from tiktok_pipeline.delivery.csv_records import open_csv

Cells = tuple[str | None, ...]


def read(text: str) -> tuple[list[Cells], list[int | None]]:
    """Return the good records, and the lines of the damaged ones."""
    records = list(open_csv(lambda: io.BytesIO(text.encode()), name="file.csv").records())
    good = [record.cells for record in records if record.problem is None]
    return good, [record.line for record in records if record.problem is not None]


MULTILINE = (
    "day,handle,bio,fans\n"
    '2024-05-01,ann,"tea\nand ""milk""",100\n'
    '2024-05-02,bob,"cakes\nand more",200\n'
    "2024-05-03,cleo,knits,300\n2024-05-04,dora,crafts,400\n2024-05-05,eve,paints,500\n"
)
"""A text whose writer quotes cells, as only the cells of several lines show."""

GOOD_MULTILINE = [
    ("2024-05-01", "ann", 'tea\nand "milk"', "100"),
    ("2024-05-02", "bob", "cakes\nand more", "200"),
    ("2024-05-03", "cleo", "knits", "300"),
    ("2024-05-04", "dora", "crafts", "400"),
    ("2024-05-05", "eve", "paints", "500"),
]


def test_a_quote_in_an_unquoted_cell_is_damage_where_a_cell_of_several_lines_has_doubled_quotes() -> None:
    """The delimiter between the handle and the biography is lost: the biography gives a comma in its place."""
    good, damaged = read(MULTILINE + '2024-05-06,fay "big "",and tall",600\n')
    assert (good, damaged) == (GOOD_MULTILINE, [9])


@pytest.mark.parametrize("bio", ['5" tall', '5"" tall', 'about 5""'])
def test_neither_one_quote_nor_two_stand_in_an_unquoted_cell_of_a_file_that_doubles_them(bio: str) -> None:
    good, damaged = read(f"{MULTILINE}2024-05-06,fay,{bio},600\n")
    assert (good, damaged) == (GOOD_MULTILINE, [9])


def test_such_a_quote_is_text_where_no_cell_is_quoted() -> None:
    rows = [f'2024-05-0{number},maker{number},about 5" tall,{number}00\n' for number in range(1, 7)]
    good, damaged = read("day,handle,bio,fans\n" + "".join(rows) + '2024-05-07,maker7,no "big" 5" one,700\n')
    assert (len(good), damaged) == (7, [])


def test_a_quote_in_a_cell_and_one_at_the_end_of_another_may_enclose_a_delimiter() -> None:
    """The comma between a handle and a biography with a comma is lost; the file shows no other quote."""
    rows = [f"2024-05-0{number},maker{number},knits,{number}00\n" for number in range(1, 7)]
    good, damaged = read("day,handle,bio,fans\n" + "".join(rows) + '2024-05-07,maker7"tea, and milk",700\n')
    assert (len(good), damaged) == (6, [8])


def test_two_quotes_in_an_unquoted_cell_cost_no_other_row_its_quotes() -> None:
    rows = [f'2024-05-0{number},maker{number},about 5" tall,{number}00\n' for number in range(1, 7)]
    good, damaged = read("day,handle,bio,fans\n" + "".join(rows) + '2024-05-07,maker7,about 5"" tall,700\n')
    assert ([cells[2] for cells in good], damaged) == ([*['about 5" tall'] * 6, 'about 5"" tall'], [])


def test_a_quote_in_a_number_is_damage_though_no_cell_is_quoted() -> None:
    """The line end behind 700 is lost, and the row below started with a quoted text of two lines."""
    rows = [f'maker{number},2024-05-0{number},5" tall,{number}00\n' for number in range(1, 7)]
    good, damaged = read("handle,day,bio,fans\n" + "".join(rows) + 'maker7,2024-05-07,tea,700 "and\n')
    assert ([cells[0] for cells in good], damaged) == ([f"maker{number}" for number in range(1, 7)], [8])


def test_a_quote_that_may_start_in_the_line_above_damages_both_rows() -> None:
    """The line end behind the second place is lost, and the third biography was a quoted text of two lines."""
    good, damaged = read(
        "bio,day,place\nsings,2024-05-01,in Rome\nknits,2024-05-02,in Oslo"
        '"tea\nand cakes",2024-05-03,in Bonn\npaints,2024-05-04,in Lyon\nis 5" tall,2024-05-05,in 5" shoes\n'
    )
    assert damaged == [3, 4]
    assert good == [
        ("sings", "2024-05-01", "in Rome"),
        ("paints", "2024-05-04", "in Lyon"),
        ('is 5" tall', "2024-05-05", 'in 5" shoes'),
    ]


def test_rows_of_which_a_stray_quote_makes_a_cell_of_several_lines_do_not_show_that_cells_are_quoted() -> None:
    lines = MULTILINE.replace('"', "").replace("tea\n", 'tea"').replace("cakes\nand", '"cakes').splitlines()
    good, damaged = read("\n".join([*lines, '2024-05-06,fay,5" tall,600', ""]))
    assert damaged == [3]
    assert ("2024-05-06", "fay", '5" tall', "600") in good


def blanks_after_commas(text: str) -> str:
    return text.replace(",", ", ")


def test_blanks_beside_quoted_cells_of_several_lines_are_a_layout_of_the_file() -> None:
    good, damaged = read(blanks_after_commas(MULTILINE))
    assert damaged == []
    assert good[:2] == [
        ("2024-05-01", " ann", 'tea\nand "milk"', " 100"),
        ("2024-05-02", " bob", "cakes\nand more", " 200"),
    ]


def test_a_damaged_row_costs_no_other_row_where_a_blank_follows_each_comma() -> None:
    text = blanks_after_commas(MULTILINE + '2024-05-06,fay,5" tall,600\n2024-05-07,gil,sings,700\n')
    good, damaged = read(text)
    assert (damaged, len(good)) == ([9], 6)
    assert good[-1] == ("2024-05-07", " gil", " sings", " 700")


def test_the_ends_of_quoted_cells_are_no_rows_of_another_width_than_the_header() -> None:
    rows = [f'2024-05-0{number}, maker{number}, "tea\nand more", {number}00\n' for number in range(1, 6)]
    good, damaged = read("day, handle, bio, fans\n" + "".join(rows))
    assert damaged == []
    assert good == [
        (f"2024-05-0{number}", f" maker{number}", "tea\nand more", f" {number}00") for number in range(1, 6)
    ]


def test_one_row_with_quotes_that_is_as_wide_as_the_header_keeps_a_file() -> None:
    short = "".join(f"2024-05-0{number},maker{number},{number}00\n" for number in range(1, 5))
    good, damaged = read('day,handle,bio,fans\n2024-05-05,eve,"a ""b""",500\n' + short)
    assert (good, damaged) == ([("2024-05-05", "eve", 'a "b"', "500")], [3, 4, 5, 6])


def test_a_row_that_goes_on_below_is_damaged_if_the_next_line_is_between_two_quotes_that_may_be_stray() -> None:
    """The opening quote of the second biography is lost; what it has of a line looks like four cells."""
    good, damaged = read(
        "day,handle,bio,fans\n2024-05-01,ann,tea,100\n"
        '2024-05-02,bob,cakes,and more\n",200\n'
        '2024-05-03,cleo,"\nknits",300\n'
        '2024-05-04,dora,"a,""b""",400\n2024-05-05,eve,paints,500\n'
    )
    assert damaged == [3, 4, 5, 6]
    assert good == [
        ("2024-05-01", "ann", "tea", "100"),
        ("2024-05-04", "dora", 'a,"b"', "400"),
        ("2024-05-05", "eve", "paints", "500"),
    ]


@pytest.mark.parametrize(("name", "damaged_lines"), [("Ann Lee", [8, 10]), ("ann", [8])])
def test_below_a_damaged_row_a_name_may_be_the_end_of_one_of_several_words(
    name: str, damaged_lines: list[int]
) -> None:
    """The names are of one word in most rows; the last row but one is joined to the row above it."""
    rows = [f"{name if number == 2 else 'bob'},2024-05-0{number},tea\n" for number in range(1, 7)]
    text = "name,day,bio\n" + "".join(rows) + 'cleo,2024-05-07,"milk"Dora \n\nMay,2024-05-08,cakes\n'
    good, damaged = read(text + "eve,2024-05-09,knits\n")
    assert damaged == damaged_lines
    assert good[-1] == ("eve", "2024-05-09", "knits")


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


# Rows of several lines.


def found(lines: list[str], width: int = 3) -> list[list[CellSyntax]]:
    rows = MultilineRows(CellSyntax(","), lambda cells: len(cells) == width)
    return [rows.feed(line, may_be_row=line.count(",") == width - 1) for line in lines]


DOUBLED, BACKSLASH, BLANKS = CellSyntax(","), CellSyntax(",", Quotes.BACKSLASH), CellSyntax(",", skips_blanks=True)


def test_a_row_of_several_lines_is_found_in_each_syntax_that_it_may_have() -> None:
    assert found(['a,"b', 'c",d']) == [[], [DOUBLED, BACKSLASH, BLANKS]]
    assert found(['a, "b', 'c", d']) == [[], [BLANKS]]
    assert found(['a,"b \\"', 'c \\"", d']) == [[], [BACKSLASH]]


def test_lines_that_may_be_rows_make_no_row_of_several_lines() -> None:
    assert found(['a,"b,c', 'd",e']) == [[], []]
    assert found(['a,"b', "c,d,e", 'f",g']) == [[], [], []]


def test_a_cell_that_does_not_end_hides_no_later_row() -> None:
    lines = ['a,"b', *["c"] * 60, 'd,"e', 'f",g']
    assert found(lines)[-1] == [DOUBLED, BACKSLASH, BLANKS]


def test_the_first_thousand_rows_are_enough() -> None:
    assert [bool(syntaxes) for syntaxes in found(['a,"b', 'c",d'] * 1_001)] == [False, True] * 1_000 + [False] * 2


ROWS_THAT_END_WITH_VALUES = (
    "handle,bio,day,fans\n"
    'ann,"tea, and ""milk""",2024-05-01,100\nbob,cakes,2024-05-02,200\ncleo,knits,2024-05-03,300\n'
    'dora,"crafts\nand more",2024-05-04,400\neve,paints,2024-05-05,500\n'
)


def test_a_cell_that_swallowed_the_end_of_a_row_and_the_start_of_the_next_is_no_cell() -> None:
    """The closing quote of fay's biography and the opening one of gus's are lost: three commas hide the row."""
    torn = 'fay,"big, and, tall,2024-05-06,600\ngus,""x\n\nand y",2024-05-07,700\n'
    good, damaged = read(f"{ROWS_THAT_END_WITH_VALUES}{torn}hal,sings,2024-05-08,800\n")
    assert [cells[0] for cells in good] == ["ann", "bob", "cleo", "dora", "eve", "hal"]
    assert damaged == [8, 9, 11]


def test_a_text_of_several_lines_may_end_a_line_with_a_number_or_go_on_with_a_sentence() -> None:
    """Below a day and a number that end a line stands a word where each row has its handle, or a sentence."""
    texts = (
        'fay,"big, at 600\nand tall",2024-05-06,600\n',
        'gus,"so, as of, 2024-05-07,700\nand still here",2024-05-07,700\n',
    )
    for text in texts:
        good, damaged = read(ROWS_THAT_END_WITH_VALUES + text)
        assert (len(good), damaged) == (6, [])
