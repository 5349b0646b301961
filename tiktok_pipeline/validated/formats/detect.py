"""Find the formats of a file from the evidence of its cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import narwhals as nw

from tiktok_pipeline.frames import fetch_row
from tiktok_pipeline.raw.schema import PROFILES, Source
from tiktok_pipeline.validated.clean import COUNTS, RATES, TYPES
from tiktok_pipeline.validated.formats.canonical import canonical_cells
from tiktok_pipeline.validated.formats.dates import FIRST_DAY, latest_day
from tiktok_pipeline.validated.formats.day_order import decide_order, read_in_every_order
from tiktok_pipeline.validated.formats.decimal_marks import (
    LARGEST_AUDIENCE,
    decide_count,
    decide_number,
    number_mark,
    own_mark,
)
from tiktok_pipeline.validated.formats.evidence import NUMBERS, odd_columns
from tiktok_pipeline.validated.formats.formats import AmbiguousFormatError, ColumnFormat, FormatOptions, Formats
from tiktok_pipeline.validated.formats.numbers import PERCENT_SIGN, class_of, multiplied, reduced
from tiktok_pipeline.validated.formats.rate_units import (
    RateSummary,
    check_named_percent,
    decide_unit,
    may_be_percent,
    rate_summaries,
    summaries_of,
)
from tiktok_pipeline.validated.formats.tally import MINORITY, Tally
from tiktok_pipeline.warehouse.base import Engine

_CANONICAL_COUNTS = {"short", "long", "missing", "other", "point decimal"}
_CANONICAL_NUMBERS = {*_CANONICAL_COUNTS, "point zeros", "point digits"}
_PERCENT = "percent"
_LIKES_OF_A_FOLLOWER = 100


@dataclass(frozen=True)
class _File:
    """A file in detection: its rows with the columns of interest, and what the messages and decisions need."""

    rows: nw.LazyFrame[Any]
    name: str
    engine: Engine
    options: FormatOptions
    latest: date


def detect_formats(
    rows: nw.LazyFrame[Any],
    measures: Mapping[str, Any],
    *,
    source: Source,
    engine: Engine,
    file: str,
    today: date,
    options: FormatOptions | None = None,
) -> Formats:
    """Find the format of each column of a file; only columns that are not canonical are read again.

    Parameters
    ----------
    rows : LazyFrame
        The rows of the file as rows of ``raw.<source>``.
    measures : mapping of str to value
        The row that `tiktok_pipeline.validated.formats.evidence.evidence_expressions` gave; other keys are ignored.
    source : Source
        The source of the rows.
    engine : Engine
        The engine that the frame lives in.
    file : str
        The file's name, for messages.
    today : date
        The UTC day of registration; a later date is not plausible.
    options : FormatOptions, optional
        What the person who delivers the file knows.

    Returns
    -------
    Formats
        The formats, to be stored in the manifest entry of the file.

    Raises
    ------
    AmbiguousFormatError
        If a column has two readings and no option settles it.
    """
    options = options or FormatOptions()
    odd = odd_columns(rows, measures, source)
    odd += [name for name in options.powers if name not in odd]
    examine_units = source.name == PROFILES.name and (
        may_be_percent(measures) or any(name in odd or options.unit_of(name) == _PERCENT for name in RATES)
    )
    if not odd and not examine_units:
        return Formats()
    needed = {*odd, *NUMBERS.get(source.name, ()), *(TYPES if examine_units else ())}
    intact = rows.filter(nw.col("read_problem").is_null())
    # The columns are read several times, and reading the file takes longer than all of it.
    narrow = engine.persist(intact.select(nw.lit("").alias("source_file"), *sorted(needed)))
    delivered = _File(narrow, file, engine, options, latest_day(today))
    columns = _number_formats(delivered, [name for name in odd if name != "observed_on"])
    _check_multiplied(delivered, columns)
    if examine_units:
        columns = _with_units(delivered, columns)
    if "observed_on" in odd:
        columns["observed_on"] = _date_format(delivered)
    notes = tuple(f"{name}: {entry.note}" for name, entry in columns.items() if entry.note)
    return Formats(columns=columns, notes=notes)


def _number_formats(file: _File, odd: Sequence[str]) -> dict[str, ColumnFormat]:
    tallies = {name: _tally(file, name) for name in odd}
    counts = {name: tally for name, tally in tallies.items() if name in COUNTS}
    numbers = {name: tally for name, tally in tallies.items() if name not in COUNTS}
    option = file.options.decimal
    marks = {name: decide_number(name, tally, option=option, file=file.name) for name, tally in numbers.items()}
    # Canonical rates have decimal points, if they have a mark at all.
    has_points = _has_decimal_points(file, [name for name in RATES if name not in numbers])
    of_rates = _only({number_mark(tally) for tally in numbers.values()} | ({"."} if has_points else set()))
    for name, tally in counts.items():
        others = _only({own_mark(other) for key, other in counts.items() if key != name})
        marks[name] = decide_count(name, tally, of_rates, others, option=option, file=file.name)
    formats = {}
    for name, tally in tallies.items():
        is_known = set(tally.cells) <= (_CANONICAL_COUNTS if name in COUNTS else _CANONICAL_NUMBERS)
        if name in file.options.powers:
            formats[name] = _multiplied_format(file, name, tally, marks[name])
        elif tally.reduced or not is_known:
            shown = _shown(tally, marks[name])
            formats[name] = ColumnFormat(decimal=marks[name], example=shown["example"], note=shown["note"])
    return formats


def _multiplied_format(file: _File, name: str, tally: Tally, mark: str) -> ColumnFormat:
    power = file.options.powers[name]
    example = _shown(tally, mark)["example"]
    note = f"numbers such as {example} are multiplied by {10**power:,}, as the name of the column says"
    return ColumnFormat(decimal=mark, power=power, example=example, note=note)


def _check_multiplied(file: _File, columns: Mapping[str, ColumnFormat]) -> None:
    """Refuse a column whose name gives a unit that its cells cannot have: no creator has 1,250,340 millions."""
    names = [name for name, column in columns.items() if column.power]
    if not names:
        return
    numbers = canonical_cells(file.rows, {"": Formats(columns=columns)}, file.engine)
    typed = file.engine.try_cast(numbers, {name: TYPES[name] for name in names})
    largest = fetch_row(typed.select(*(nw.col(name).max().alias(name) for name in names)))
    for name in names:
        bound = LARGEST_AUDIENCE * (_LIKES_OF_A_FOLLOWER if name == "likes" else 1)
        if (largest[name] or 0) > bound:
            plain = largest[name] // 10 ** columns[name].power
            raise AmbiguousFormatError(
                f"{file.name}: column {name}: its name says that {plain:,} is multiplied by "
                f"{10 ** columns[name].power:,}, which no creator has",
                remedy="take the unit out of the name if the column holds whole numbers",
            )


def _tally(file: _File, name: str) -> Tally:
    """Classify the cells of a column of numbers."""
    number = multiplied(reduced(nw.col("cell")), file.options.powers.get(name, 0))
    cells = file.rows.select(nw.col(name).alias("cell")).with_columns(number.alias("number"))
    kind = class_of(nw.col("number"))
    is_reduced = (nw.col("cell") != nw.col("number")) & (kind != nw.lit("missing")) & (kind != nw.lit("other"))
    classes = cells.select("cell", kind.alias("class"), nw.when(is_reduced).then(nw.col("cell")).alias("reduced"))
    grouped = classes.group_by("class").agg(
        nw.len().alias("cells"), nw.col("cell").min().alias("example"), nw.col("reduced").min()
    )
    rows = grouped.sort("class").collect("pyarrow").to_native().to_pylist()
    return Tally(
        {row["class"]: row["cells"] for row in rows},
        {row["class"]: (row["example"] or "")[:60] for row in rows},
        next((row["reduced"][:60] for row in rows if row["reduced"]), ""),
    )


def _has_decimal_points(file: _File, names: Sequence[str]) -> bool:
    """Return whether any cell of canonical columns has a decimal point; false for a source without them."""
    present = [name for name in names if name in file.rows.collect_schema().names()]
    if not present:
        return False
    has_point = nw.any_horizontal(
        *(nw.col(name).str.contains(".", literal=True).fill_null(False) for name in present), ignore_nulls=True
    )
    return bool(fetch_row(file.rows.select(has_point.any().alias("has_point")))["has_point"])


def _only(marks: set[str]) -> str:
    """Return the one mark that the columns show; empty if they show none or several."""
    shown = marks - {""}
    return shown.pop() if len(shown) == 1 else ""


def _shown(tally: Tally, mark: str) -> dict[str, str]:
    """Return the example and the note of a column of numbers."""
    decimal = "point" if mark == "." else "comma"
    group = "comma" if mark == "." else "point"
    labels = [f"{group} {label}" for label in ("groups", "digits", "zeros", "lakh")]
    labels += [f"{decimal} {label}" for label in ("both", "decimal", "decimal suffix", "three suffix", "digits")]
    odd = [name for name in tally.cells if name not in _CANONICAL_COUNTS]
    example = tally.example([*labels, *odd]) or tally.reduced or tally.example(tally.cells)
    if mark and tally.count(labels):
        return {"example": example, "note": f"numbers such as {example} have the decimal mark {mark}"}
    return {"example": example, "note": f"numbers such as {example} are read by their words and marks"}


def _with_units(file: _File, columns: Mapping[str, ColumnFormat]) -> dict[str, ColumnFormat]:
    """Add the unit of the rates."""
    units: dict[str, str] = {}
    signs = _count_signs(file)
    for name in RATES:
        with_sign, without = signs[name]
        known = file.options.unit_of(name)
        if with_sign and without > MINORITY * (with_sign + without) and not known:
            raise AmbiguousFormatError(
                f"{file.name}: column {name}: {with_sign} cells have a percent sign and {without} have none",
                remedy="add --rates fraction or --rates percent, the unit of those without",
            )
        if with_sign or known:
            units[name] = known or "sign"
    _check_named_units(file, columns)
    unknown = [name for name in RATES if name not in units]
    summaries = _summarize(file, columns, unknown) if unknown else {}
    examples = _largest_cells(file)
    if summaries:
        unit = decide_unit(summaries, examples, file=file.name)
        units |= dict.fromkeys(unknown, unit)
    result = dict(columns)
    for name, unit in units.items():
        if examples[name] and (name in result or unit != "fraction"):
            result[name] = _with_unit(result.get(name), unit, examples[name])
    return result


def _check_named_units(file: _File, columns: Mapping[str, ColumnFormat]) -> None:
    """Refuse rates that are percentages by the name of their column, and fractions by their cells."""
    names = [name for name in RATES if file.options.units.get(name) == _PERCENT and not file.options.rates]
    summaries = _summarize(file, columns, names) if names else {}
    for name, summary in summaries.items():
        check_named_percent(name, summary, _largest_cells(file)[name], file=file.name)


def _summarize(file: _File, columns: Mapping[str, ColumnFormat], names: Sequence[str]) -> dict[str, RateSummary]:
    """Read the numbers of a file as fractions, and return the summaries of its rates."""
    decimals = {name: ColumnFormat(decimal=column.decimal, unit="fraction") for name, column in columns.items()}
    numbers = canonical_cells(file.rows, {"": Formats(columns=decimals)}, file.engine)
    typed = file.engine.try_cast(numbers, {name: TYPES[name] for name in (*COUNTS, *RATES)})
    return summaries_of(fetch_row(typed.select(*rate_summaries(names))), names)


def _with_unit(column: ColumnFormat | None, unit: str, example: str) -> ColumnFormat:
    base = column or ColumnFormat(decimal=".", example=example)
    note = base.note
    if unit == _PERCENT:
        note = f"{base.example or example} is read as percent, so that 5 is 0.05"
    elif unit == "sign":
        note = f"{base.example} has a percent sign and is read as percent"
    return ColumnFormat(decimal=base.decimal, unit=unit, example=base.example or example, note=note)


def _count_signs(file: _File) -> dict[str, tuple[int, int]]:
    """Return for each rate the cells with a percent sign, and the numbers other than zero without one."""
    expressions = []
    for name in RATES:
        cell = nw.col(name)
        has_sign, is_number = cell.str.contains(PERCENT_SIGN), cell.str.contains("[1-9]")
        for label, condition in (("signed", has_sign), ("unsigned", is_number & ~has_sign)):
            count = condition.fill_null(False).cast(nw.Int64).sum().cast(nw.Int64)
            expressions.append(count.alias(f"{name}_{label}"))
    row = fetch_row(file.rows.select(*expressions))
    return {name: (row[f"{name}_signed"] or 0, row[f"{name}_unsigned"] or 0) for name in RATES}


def _largest_cells(file: _File) -> dict[str, str]:
    """Return a cell of each rate that is a number other than zero; empty if there is none."""
    cells = [nw.when(nw.col(name).str.contains("[1-9]")).then(nw.col(name)).max().alias(name) for name in RATES]
    return {name: str(cell or "")[:60] for name, cell in fetch_row(file.rows.select(*cells)).items()}


def _date_format(file: _File) -> ColumnFormat:
    groups = read_in_every_order(file.rows, "observed_on", file.engine, latest=file.latest)
    order, example = decide_order("observed_on", groups, option=file.options.dates, file=file.name)
    example = example or next((group["example"] for group in groups if group["day_first"]), "")
    return ColumnFormat(
        day_order=order,
        earliest=FIRST_DAY.isoformat(),
        latest=file.latest.isoformat(),
        example=str(example)[:60],
        note=f"dates such as {example} are read {order}" if order else "",
    )
