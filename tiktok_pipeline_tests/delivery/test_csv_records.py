"""Delivered CSV texts: which records they have, and which of them are damaged."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Sequence

import pytest

from tiktok_pipeline.delivery import csv_wrappings
from tiktok_pipeline.delivery.csv_records import open_csv
from tiktok_pipeline.delivery.tables import DeliveredTable
from tiktok_pipeline.warehouse.base import UnreadableFileError

NAMES = ("day", "handle", "bio", "fans")
HEADER = "day,handle,bio,fans\n"
FOOTER_TOOL = "Exported by tool X\n"


def opened(text: str | bytes, *, knows: Callable[[str], bool] | None = None) -> DeliveredTable:
    content = text.encode() if isinstance(text, str) else text
    return open_csv(lambda: io.BytesIO(content), name="file.csv", knows=knows)


def row(number: int, bio: str = "tea") -> str:
    return f"2024-05-{number:02},maker{number},{bio},{number * 100}\n"


def rows(count: int = 8) -> str:
    return "".join(map(row, range(1, count + 1)))


def good(table: DeliveredTable) -> list[tuple[str | None, ...]]:
    return [record.cells for record in table.records() if record.problem is None]


def bad_lines(table: DeliveredTable) -> list[int | None]:
    damaged = [record for record in table.records() if record.problem is not None]
    assert all(cell is None for record in damaged for cell in record.cells)
    return [record.line for record in damaged]


def expected(count: int, *, bios: dict[int, str] | None = None, without: Sequence[int] = ()) -> list[tuple[str, ...]]:
    return [
        (f"2024-05-{number:02}", f"maker{number}", (bios or {}).get(number, "tea"), str(number * 100))
        for number in range(1, count + 1)
        if number not in without
    ]


def test_a_strict_text_is_read_by_the_engine_as_delivered() -> None:
    table = opened(HEADER + rows(3) + row(4, '"a, ""b"""'))
    assert (table.plain_format, table.n_records) == ("csv", 4)
    assert (table.header, table.layout.encoding, table.layout.delimiter) == (NAMES, "utf-8", ",")
    assert good(table) == expected(4, bios={4: 'a, "b"'})


def test_a_text_of_several_lines_with_as_many_commas_as_a_row_is_strict_unless_it_looks_like_one() -> None:
    text = opened(HEADER + rows() + row(9, '"tea\nknits, crafts, more"') + row(10))
    assert (text.plain_format, text.n_records) == ("csv", 10)
    assert good(text) == expected(10, bios={9: "tea\nknits, crafts, more"})
    swallowed = opened(HEADER + rows() + '2024-05-09,maker9,"tea,900\n2024-05-10,maker10,tea",1000\n' + row(11))
    assert swallowed.plain_format is None
    assert good(swallowed) == expected(11, without=(9, 10))


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8], ids=["bare", "marked"])
def test_a_byte_order_mark_is_no_part_of_the_first_name(mark: bytes) -> None:
    table = opened(mark + (HEADER + rows()).encode())
    assert (table.plain_format, table.header) == ("csv", NAMES)


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    table = opened((HEADER + rows()).replace(",", delimiter))
    assert table.layout.delimiter == delimiter
    assert good(table) == expected(8)
    assert (table.plain_format is None) == (delimiter == "|")


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16"),
        ("utf-16-be", "utf-16"),
        ("utf-32", "utf-32"),
        ("cp1252", "cp1252"),
    ],
)
def test_the_encoding_is_found(codec: str, name: str) -> None:
    text = HEADER + "".join(row(number, "José Müller à São") for number in range(1, 9))
    table = opened(text.encode(codec))
    assert (table.layout.encoding, table.plain_format) == (name, None)
    assert good(table) == expected(8, bios=dict.fromkeys(range(1, 9), "José Müller à São"))


@pytest.mark.parametrize("bad", [b"\xff", b"\xe9", b"\xe2\x82", b"\xed\xa0\x80"])
def test_a_bad_byte_damages_its_own_row(bad: bytes) -> None:
    content = (HEADER + "".join(row(number % 28 + 1, "é") for number in range(3_000))).encode()
    place = content.index("é".encode(), 50_000) + 2
    table = opened(content[:place] + bad + content[place:])
    assert table.layout.encoding == "utf-8"
    assert len(good(table)) == 2_999
    assert bad_lines(table) == [content[:place].count(b"\n") + 1]


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("sep=;\n" + (HEADER + rows()).replace(",", ";"), "The first line names the delimiter."),
        ("Export of May\n\n" + HEADER + rows(), "1 line above the header is skipped."),
        ("# made on 2024-05-06\n# by a tool\n" + HEADER + row(1) + "# page 2\n" + rows(8)[len(row(1)) :], "skipped."),
        (HEADER + rows() + "Total,,,3600\nExported by tool X\n", "2 lines are skipped below the rows."),
        (HEADER + rows() + "\nTotal,,3600\n", "1 line is skipped below the rows."),
        (HEADER + rows() + "TOTAL,,,3600\n", "1 line is skipped below the rows."),
        (HEADER + rows() + "Gesamtergebnis,,,3600\nØ,,,450\n", "2 lines are skipped below the rows."),
        (HEADER + rows() + "Итого,,,3600\n合計,,,3600\n", "2 lines are skipped below the rows."),
        (HEADER + rows().replace("\n", ",\n"), "Each row ends with a delimiter."),
        ((HEADER + rows()).replace("\n", ",\n"), "Each row ends with a delimiter."),
    ],
    ids=[
        "sep",
        "title",
        "comments",
        "footer",
        "short total",
        "full total",
        "German",
        "other letters",
        "trailing in rows",
        "trailing in both",
    ],
)
def test_what_surrounds_the_rows_is_skipped_and_noted(text: str, note: str) -> None:
    table = opened(text)
    assert (table.header, table.plain_format) == (NAMES, None)
    assert good(table) == expected(8)
    assert bad_lines(table) == []
    assert note in " ".join(table.layout.notes)


def test_delimiters_at_the_end_of_the_header_alone_are_no_column() -> None:
    table = opened(HEADER.replace("\n", ",,\n") + rows())
    assert (table.header, good(table)) == (NAMES, expected(8))


def test_the_last_row_cut_off_is_damaged_and_no_footer() -> None:
    table = opened(HEADER + rows() + "2024-05-09,maker9,te")
    assert (good(table), bad_lines(table)) == (expected(8), [10])


def test_quotes_inside_cells_are_text_where_no_cell_is_quoted() -> None:
    text = "".join(line + " 5'10\" tall\n" for line in ("ann,12,", "bob,7,", "cleo,3,"))
    table = opened("handle,fans,bio\n" + text)
    assert [row[-1] for row in good(table)] == [" 5'10\" tall"] * 3
    assert bad_lines(table) == []


def test_a_handle_like_a_word_for_a_total_is_a_record() -> None:
    assert len(good(opened("handle,fans\nann,1\nbob,2\ntotal,3\n"))) == 3


def test_names_lose_invisible_characters_and_typographic_quotes() -> None:
    table = opened("day,\u201chandle\u201d,\ufeffbio\u200b,fans\xa0\n" + rows())
    assert table.header == NAMES


def test_the_row_number_of_pandas_is_a_column_without_a_name() -> None:
    text = "".join(f"{number},{line}\n" for number, line in enumerate(rows().splitlines()))
    table = opened("," + HEADER + text)
    assert (table.header, len(good(table))) == (("", *NAMES), 8)


def test_the_row_number_of_r_has_no_place_in_the_header() -> None:
    text = "".join(f'"{number}",{line}\n' for number, line in enumerate(rows().splitlines(), start=1))
    table = opened(HEADER + text)
    assert (table.header, len(good(table))) == (("column 1", *NAMES), 8)


def test_a_text_without_a_header_is_refused_with_evidence_but_without_cells() -> None:
    with pytest.raises(UnreadableFileError, match=r"^file\.csv: 2 of the 4 cells in line 1 are values") as caught:
        opened(rows())
    assert "maker1" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n \n", codecs.BOM_UTF8])
def test_an_empty_text_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableFileError, match="the file is empty"):
        opened(content)


def test_a_header_that_a_dialect_knows_is_preferred() -> None:
    table = opened("Report,for,the,board\n" + HEADER + rows(), knows=NAMES.__contains__)
    assert (table.header, good(table)) == (NAMES, expected(8))


@pytest.mark.parametrize(("header", "cells"), [("day,handle,bio,fans,likes", 4), ("day,handle,bio", 4)])
def test_rows_of_another_width_than_the_header_are_refused(header: str, cells: int) -> None:
    names = header.count(",") + 1
    with pytest.raises(UnreadableFileError, match=f"line 1 names {names} columns, the rows have {cells} cells; give"):
        opened(f"{header}\n{rows()}")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_lines_that_a_console_draws_are_no_records(end: str) -> None:
    drawn = "+------------+--------+"
    lines = ["mysql> select 1;", drawn, "| day        | fans   |", drawn]
    lines += [f"| 2024-05-0{number} |   {number}00  |" for number in range(1, 5)]
    table = opened(end.join([*lines, drawn, "4 rows in set (0.00 sec)", ""]))
    assert [name for name in table.header if "column" not in name] == ["day", "fans"]
    found = [tuple(cell for cell in cells if cell) for cells in good(table)]
    assert found == [(f"2024-05-0{number}", f"{number}00") for number in range(1, 5)]
    assert bad_lines(table) == []


def test_a_repeated_header_is_a_damaged_record() -> None:
    table = opened("Title\n" + HEADER + rows(4) + HEADER + row(5) + row(6))
    assert (good(table), bad_lines(table)) == (expected(6), [7])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_each_type_of_line_end_alone_is_strict(end: str) -> None:
    table = opened((HEADER + rows()).replace("\n", end))
    assert (table.plain_format, good(table)) == ("csv", expected(8))


def test_mixed_line_ends_cost_no_character() -> None:
    lines = (HEADER + rows()).splitlines()
    ends = ("\r\n", "\r", "\n")
    table = opened("".join(line + ends[place % 3] for place, line in enumerate(lines)))
    assert (table.plain_format, good(table), bad_lines(table)) == (None, expected(8), [])


def test_a_carriage_return_inside_quotes_is_part_of_the_cell() -> None:
    table = opened(HEADER + row(1, '"one\rtwo"') + row(2, '"a\r\n\nb"') + "bad\n" + row(3))
    assert good(table) == expected(3, bios={1: "one\rtwo", 2: "a\r\n\nb"})


QUOTED = "".join(row(number, '"one, ""two"""') for number in range(20, 24))
"""Rows that show that the writer quotes cells."""


@pytest.mark.parametrize("shown", ["", QUOTED], ids=["no quoting elsewhere", "quoting elsewhere"])
@pytest.mark.parametrize("bio", ['"loud', ' "loud', '"loud"!', '""loud', "a,b", '"a"b"'])
def test_a_stray_quote_damages_its_own_line(bio: str, shown: str) -> None:
    table = opened(HEADER + row(1) + row(2, bio) + rows(8)[len(row(1) + row(2)) :] + shown)
    assert bad_lines(table) == [3]
    assert good(table)[:7] == expected(8, without=[2])
    assert len(good(table)) == 7 + shown.count("\n")


def test_two_stray_quotes_that_open_cells_damage_two_lines() -> None:
    text = "".join(row(number, '"loud' if number in (3, 7) else "tea") for number in range(1, 9))
    assert bad_lines(opened(HEADER + text)) == [4, 8]


def test_two_stray_quotes_around_rows_damage_two_lines_where_nothing_else_is_quoted() -> None:
    bios = {3: '"loud', 7: 'loud"'}
    table = opened(HEADER + "".join(row(number, bios.get(number, "tea")) for number in range(1, 9)))
    assert table.plain_format is None
    assert (good(table), bad_lines(table)) == (expected(8, without=[3, 7]), [4, 8])


def test_rows_between_two_quotes_that_may_be_one_cell_are_all_damaged() -> None:
    bios = {3: '"loud', 7: 'loud"', 8: '"tea, ""milk"""'}
    table = opened(HEADER + "".join(row(number, bios.get(number, "tea")) for number in range(1, 9)))
    assert bad_lines(table) == [4, 5, 6, 7, 8]
    assert good(table) == expected(8, bios={8: 'tea, "milk"'}, without=[3, 4, 5, 6, 7])


def test_cells_of_several_lines_stay_whole_beside_damage() -> None:
    bios = {2: '"one, two\n\nthree"', 4: '"""\nend"', 6: '"broken', 7: '"x,\ny"'}
    table = opened(HEADER + "".join(row(number, bios.get(number, "tea")) for number in range(1, 9)))
    assert good(table) == expected(8, bios={2: "one, two\n\nthree", 4: '"\nend', 7: "x,\ny"}, without=[6])


@pytest.mark.parametrize("line", ["https://a.example/?b=1,2", "26,Berlin"])
def test_a_link_or_a_number_at_the_start_of_a_line_of_a_text_is_no_row(line: str) -> None:
    table = opened(HEADER + rows() + row(9, f'"tea\n{line}"') + row(10))
    assert good(table) == expected(10, bios={9: f"tea\n{line}"})


def test_the_inside_of_a_broken_cell_is_no_record() -> None:
    pasted = row(9).strip()
    text = HEADER + rows(5) + row(6, f'"he "said"\n{pasted}\n{pasted}\nend, ""x"""') + row(7, '"a, ""b"""') + row(8)
    makers = [cells[1] for cells in good(opened(text))]
    assert makers[:5] == [f"maker{number}" for number in range(1, 6)]
    assert "maker9" not in makers


def test_a_quote_inside_an_unquoted_cell_is_text() -> None:
    table = opened(HEADER + row(1, '5" tall') + row(2, 'says "hi"') + rows(8)[len(row(1) + row(2)) :])
    assert good(table) == expected(8, bios={1: '5" tall', 2: 'says "hi"'})


def test_backslashes_before_quotes_are_a_layout_of_the_file() -> None:
    quoted = [",".join(f'"{cell}"' for cell in line.split(",")) + "\n" for line in rows().splitlines()]
    quoted[4] = quoted[4].replace("tea", 'says \\"hi\\", \\\\ and \\n')
    table = opened(HEADER + "".join(quoted))
    assert "A quote inside a quoted cell follows a backslash." in table.layout.notes
    assert good(table) == expected(8, bios={5: 'says "hi", \\ and \\n'})


def test_a_backslash_at_the_end_of_a_cell_is_text_where_quotes_are_doubled() -> None:
    bios = dict.fromkeys(range(3, 9), "two words")
    text = "".join(row(number, bio) for number, bio in {1: '"C:\\"', 2: '"a ""b"" \\"', **bios}.items())
    assert good(opened(HEADER + text + "bad\n")) == expected(8, bios={1: "C:\\", 2: 'a "b" \\', **bios})


def test_blanks_beside_quoted_cells_are_a_layout_of_the_file() -> None:
    text = "".join(row(number, ' "one, two"') for number in range(1, 9))
    table = opened(HEADER + text)
    assert good(table) == expected(8, bios=dict.fromkeys(range(1, 9), "one, two"))


@pytest.mark.parametrize("quoted", ['="{}"', '"=""{}"""'], ids=["bare", "quoted"])
def test_a_formula_of_a_text_is_this_text(quoted: str) -> None:
    lines = [f"2024-05-{number:02},maker{number},tea,{quoted.format(number * 100)}\n" for number in range(1, 9)]
    table = opened(HEADER + "".join(lines))
    assert (table.plain_format, good(table)) == (None, expected(8))
    assert 'Cells such as ="12" are read as 12.' in table.layout.notes


LIKE_WRAPPINGS = [
    'x,=",y', '1;=" ; so', ',="', 'a\n="\nb',
    'x,="",y', '1;="" ; so', 'a\n="12"\nb', ',="12",', 'say;="hi"', "a\n+---+\nb\n+---+\nc",
    "+--+\n| a |\n+--+\n| b |\n| c |\n+--+", " tea ", "'a','b'",
]  # fmt: skip
"""Texts that look like cells which are wrapped oddly, or like lines of a drawn table."""


def quoted(text: str) -> str:
    return '"{}"'.format(text.replace('"', '""'))


@pytest.mark.parametrize("text", LIKE_WRAPPINGS)
@pytest.mark.parametrize("place", [1, 5])
def test_a_text_that_looks_like_a_wrapping_stays_as_it_is(text: str, place: int) -> None:
    table = opened(
        HEADER + "".join(row(number, quoted(text) if number == place else "tea") for number in range(1, 9))
    )
    assert good(table) == expected(8, bios={place: text})
    assert table.layout.notes == ()


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("text", LIKE_WRAPPINGS)
def test_beside_formulas_too_a_text_that_looks_like_one_stays_as_it_is(text: str, line_end: str) -> None:
    lines = [
        f'2024-05-{number:02},maker{number},{quoted(text)},="{number * 100}"{line_end}' for number in range(1, 9)
    ]
    table = opened("day,handle,bio,fans" + line_end + "".join(lines))
    assert good(table) == expected(8, bios=dict.fromkeys(range(1, 9), text))


def test_a_formula_behind_another_delimiter_is_text() -> None:
    text = HEADER + rows(3) + '2024-05-04,maker4,tea;="x";y,="400"\n'
    wrapping = csv_wrappings.find_wrapping(lambda: io.BytesIO(text.encode()))
    assert wrapping is not None
    with wrapping.unwrapped(lambda: io.BytesIO(text.encode()))() as stream:
        assert stream.read().decode() == text.replace('="400"', '"400"')


def test_the_formulas_of_a_single_column_are_found() -> None:
    assert good(opened('handle\n="0123"\n="a,b"\n="x"\n')) == [("0123",), ("a,b",), ("x",)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_formula_may_hold_the_delimiter(delimiter: str) -> None:
    lines = [
        ["day", "handle", "bio", "fans"],
        *(["2024-05-01", "ann", f'="a{delimiter}b"', '="100"'] for _ in range(4)),
    ]
    table = opened("".join(delimiter.join(line) + "\n" for line in lines))
    assert good(table) == [("2024-05-01", "ann", f"a{delimiter}b", "100")] * 4


@pytest.mark.parametrize("before", range(26, 34))
def test_a_cell_of_several_lines_may_lie_between_two_blocks_of_the_text(
    monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    """In blocks of a few bytes, a line inside the quoted cell is the first of a block."""
    monkeypatch.setattr(csv_wrappings, "_BLOCK_BYTES", before)
    bio = 'a\n="12",\n="13"\n\n="14",b'
    lines = [f'2024-05-{number:02},maker{number},{quoted(bio)},="{number * 100}"\n' for number in range(1, 9)]
    assert good(opened(HEADER + "".join(lines))) == expected(8, bios=dict.fromkeys(range(1, 9), bio))


def test_a_quote_that_is_not_closed_hides_no_formula() -> None:
    lines = [f'2024-05-{number:02},maker{number},tea,="{number * 100}"\n' for number in range(1, 9)]
    lines[3] = lines[3].replace("tea", '"loud')
    assert good(opened(HEADER + "".join(lines))) == expected(8, without=[4])


def test_a_text_in_a_drawn_table_may_hold_a_drawn_line() -> None:
    """A rule with as many corners as those of the table is one of its rules."""
    rule = "+------------+------+\n"
    text = f"{rule}| day        | fans |\n{rule}| 2024-05-01 | +--+ |\n| 2024-05-02 | 200  |\n{rule}"
    found = [[cell for cell in cells if cell] for cells in good(opened(text))]
    assert found == [["2024-05-01", "+--+"], ["2024-05-02", "200"]]


@pytest.mark.parametrize("codec", ["cp1252", "mac_roman", "cp850"])
@pytest.mark.parametrize("name", ["Følgere", "Abonnés", "Gefällt mir"])
def test_letters_in_the_header_alone_show_the_encoding(name: str, codec: str) -> None:
    text = f"day,handle,bio,{name}\n" + rows()
    table = opened(text.encode(codec), knows=("day", "handle", "bio", name).__contains__)
    assert (table.header, good(table)) == (("day", "handle", "bio", name), expected(8))


def test_a_header_in_no_known_encoding_is_refused_without_a_stack_trace() -> None:
    with pytest.raises(UnreadableFileError, match="the text is not UTF-8"):
        opened(b"\xef\xbb\xbfday,handle,bio,f\xe4ns\n" + rows().encode())


def test_a_line_in_quotes_as_a_whole_is_read_without_them() -> None:
    text = HEADER + rows() + row(9, '"a ""b"", c"')
    table = opened("".join(f'"{line.replace(chr(34), chr(34) * 2)}"\n' for line in text.splitlines()))
    assert (table.header, table.plain_format) == (NAMES, None)
    assert good(table) == expected(9, bios={9: 'a "b", c'})
    assert opened('"day"\n"2024-05-01"\n"2024-05-02"\n').plain_format == "csv"


def test_cells_quoted_with_apostrophes_lose_them() -> None:
    quoted = "'day','handle','bio','fans'\n" + "'2024-05-01','maker1','it''s 5\", tall','100'\n" * 4
    assert good(opened(quoted)) == [("2024-05-01", "maker1", "it's 5\", tall", "100")] * 4


def test_other_cells_that_start_with_an_equals_sign_stay_as_they_are() -> None:
    table = opened(HEADER + rows() + row(9, '="a" and b') + row(10, "=1+1"))
    assert good(table)[8:] == expected(10, bios={9: '="a" and b', 10: "=1+1"})[8:]


def test_a_problem_quotes_no_cell() -> None:
    table = opened(HEADER + rows() + "secret,person\n" + '2024-05-09,"secret"person,true,1\n' + row(10))
    problems = [record.problem for record in table.records() if record.problem]
    assert len(problems) == 2
    assert not any("secret" in problem or "person" in problem for problem in problems)


def test_an_endless_cell_is_damage_within_bounds() -> None:
    class Endless(io.RawIOBase):
        """Rows, and then 40 MB in one line without an end."""

        def __init__(self) -> None:
            self._head = io.BytesIO((HEADER + rows() + '2024-05-09,maker9,"').encode())
            self._left = 40_000_000

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1, /) -> bytes:
            head = self._head.read(size)
            if head:
                return head
            part = b"x" * min(size if size >= 0 else 1 << 20, self._left)
            self._left -= len(part)
            return part

    table = open_csv(Endless, name="file.csv")  # type: ignore[arg-type]
    assert (good(table), bad_lines(table)) == (expected(8), [10])


def test_a_table_can_be_read_twice() -> None:
    table = opened("Title\n" + HEADER + rows())
    assert list(table.records()) == list(table.records())
