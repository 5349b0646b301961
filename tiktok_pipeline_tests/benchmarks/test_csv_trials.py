"""CSV texts with a check sum in each row: no reader may call a row good that has another's cells."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from benchmarks.reliability import csv_trials
from benchmarks.reliability.csv_texts import CHECK_SUM, DAMAGES, UNQUOTED_LINE_ENDS, CsvDraft, csv_delivery
from benchmarks.reliability.csv_trials import try_csv_texts
from tiktok_pipeline.delivery.csv_records import open_csv
from tiktok_pipeline.delivery.tables import DeliveredTable, Record

SEED = 1


def test_a_text_is_the_same_whenever_it_is_made_and_every_damage_occurs() -> None:
    texts = [csv_delivery(number, SEED) for number in range(1, 101)]
    assert texts == [csv_delivery(number, SEED) for number in range(1, 101)]
    assert {damage for text in texts for damage in text.damages} == {*DAMAGES, "bad bytes", UNQUOTED_LINE_ENDS}


def test_no_good_row_fails_its_check_sum() -> None:
    result = try_csv_texts(range(1, 201), seed=SEED)
    assert result.violations == []
    assert result.good > 2_500
    assert result.plain > 5
    assert result.intact_rows_lost < 0.02 * result.rows  # rows that could also be lines of a damaged cell


@pytest.mark.slow
def test_no_good_row_of_many_texts_fails_its_check_sum() -> None:
    assert try_csv_texts(range(1_000, 3_000), seed=SEED).violations == []


def test_a_text_is_cut_before_the_last_cell_which_nobody_knows_the_end_of() -> None:
    above, last = '2024-05-01|"a\nc|b"|', '"x|y\rz|""w"""\n'
    rows = [["2024-05-01", "a\nc|b", 'x|y\rz|"w"', "0"]]
    cuts = {
        DAMAGES["truncated"](CsvDraft(Random(number), ["h"], rows, delimiter="|"), above + last)
        for number in range(200)
    }
    assert cuts == {'2024-05-01|"a\n', '2024-05-01|"a\nc'}


def swapped(table: DeliveredTable) -> DeliveredTable:
    """Return the table with the first cells of neighboring rows swapped."""

    def read() -> list[Record]:
        records = list(table.read())
        firsts = [record.cells[0] for record in records]
        firsts[0:2] = reversed(firsts[0:2])
        return [replace(row, cells=(cell, *row.cells[1:])) for row, cell in zip(records, firsts, strict=True)]

    return replace(table, read=lambda: iter(read()))


def without_last(table: DeliveredTable) -> DeliveredTable:
    """Return the table without its last row but one."""
    return replace(table, read=lambda: iter([*list(table.read())[:-2], *list(table.read())[-1:]]))


@pytest.mark.parametrize("breaks", [swapped, without_last])
def test_a_reader_that_mixes_up_rows_is_seen(breaks: object, monkeypatch: pytest.MonkeyPatch) -> None:
    intact = next(number for number in range(1, 100) if not csv_delivery(number, SEED).damages and number % 5)
    assert try_csv_texts([intact], seed=SEED).violations == []
    right = open_csv
    monkeypatch.setattr(csv_trials, "open_csv", lambda *args, **options: breaks(right(*args, **options)))  # type: ignore[operator]
    assert try_csv_texts([intact], seed=SEED).violations


def test_each_text_has_the_column_of_check_sums() -> None:
    assert all(CHECK_SUM in csv_delivery(number, SEED).header for number in range(1, 20))
