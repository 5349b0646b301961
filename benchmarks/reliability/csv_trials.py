"""Reads generated CSV texts with the delivery reader and checks every record that it calls good.

No good record may fail the check sum over its own cells, and each line of the text must belong to one record.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from benchmarks.reliability.csv_texts import CHECK_SUM, CsvDelivery, check_sum, csv_delivery
from tiktok_pipeline.delivery.csv_records import open_csv
from tiktok_pipeline.delivery.tables import DeliveredTable, Record
from tiktok_pipeline.warehouse.base import UnreadableFileError

_LINE_END = re.compile("\r\n|\r|\n")


@dataclass
class CsvCounts:
    """The sums over all texts, and the violations; ``intact_rows_lost`` are rows of texts without damage."""

    files: int = 0
    refused: int = 0
    plain: int = 0
    without_header: int = 0
    rows: int = 0
    good: int = 0
    damaged: int = 0
    intact_rows_lost: int = 0
    violations: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Return the sums by name."""
        sums = {name: value for name, value in vars(self).items() if isinstance(value, int)}
        return {**sums, "violations": len(self.violations)}

    def summary(self) -> str:
        """Return the sums in one line."""
        return ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in self.counts().items())


def try_csv_texts(numbers: Iterable[int], *, seed: int) -> CsvCounts:
    """Read the texts of these numbers."""
    result = CsvCounts()
    for number in numbers:
        file = csv_delivery(number, seed)
        result.files += 1
        try:
            knows = file.header.__contains__ if number % 5 else None
            table = open_csv(partial(io.BytesIO, file.content), name="generated.csv", knows=knows)
        except UnreadableFileError as error:
            result.refused += 1
            if not file.damages:
                result.violations.append(f"file {number}: an intact file is refused: {error}")
            continue
        if CHECK_SUM not in table.header:
            result.without_header += 1
            if knows:
                result.violations.append(f"file {number} ({', '.join(file.damages)}): header {table.header}")
            continue
        records = list(table.records())
        result.plain += table.plain_format is not None
        result.rows += len(file.check_sums)
        broken = [record for record in records if record.problem is not None]
        result.damaged += len(broken)
        result.good += len(records) - len(broken)
        problems = [*_wrong_check_sums(table, records), *_line_problems(file, table, records)]
        result.violations += [f"file {number} ({', '.join(file.damages)}): {problem}" for problem in problems]
        if not file.damages:
            result.intact_rows_lost += len(file.check_sums) - (len(records) - len(broken))
    return result


def _wrong_check_sums(table: DeliveredTable, records: list[Record]) -> list[str]:
    place = table.header.index(CHECK_SUM)
    wrong = []
    for record in records:
        if record.problem is None:
            cells = [cell or "" for cell in record.cells]
            if check_sum(cells[:place] + cells[place + 1 :]) != re.sub(r'["\s]', "", cells[place]):
                wrong.append(f"line {record.line}: a good record with a wrong check sum: {cells}")
        elif any(cell is not None for cell in record.cells):
            wrong.append(f"line {record.line}: a damaged record keeps cells")
    return wrong


def _line_problems(file: CsvDelivery, table: DeliveredTable, records: list[Record]) -> list[str]:
    """Check that every line with text belongs to one record, counted without the reader."""
    text = file.content.decode("utf-8-sig" if file.encoding == "utf-8" else file.encoding, "replace")
    lines = _LINE_END.split(text.removeprefix("\ufeff"))
    wrong = []
    if [record.row for record in records] != list(range(1, len(records) + 1)):
        wrong.append("the ordinals of the records have gaps")
    if table.n_records is not None and table.n_records != len(records):
        wrong.append(f"{table.n_records} records counted, {len(records)} read")
    for record, following in zip(records, [*records[1:], None][: len(records)], strict=True):
        assert record.line is not None  # noqa: S101 - a text has lines
        end = following.line if following is not None and following.line is not None else len(lines) + 1
        if record.problem is None:
            n_lines = 1 + sum(len(_LINE_END.findall(cell or "")) for cell in record.cells)
            if record.line + n_lines > end:
                wrong.append(f"line {record.line}: the record overlaps the next one")
            skipped = [line for line in lines[record.line + n_lines - 1 : end - 1] if line.strip(" \t,;|\x0b\x0c")]
            if any(not line.startswith(("#", "Total", "Exported")) for line in skipped):
                wrong.append(f"line {record.line}: {len(skipped)} lines after the record are in none")
    return wrong
