"""Validate the rows of a source: each row is valid, or rejected with every reason.

The rules are read from the pandera schema and evaluated inside the engine. Several rows of a creator in a snapshot
are a rule of their own, see `tiktok_pipeline.validated.duplicates`.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import pandas as pd
import pandera.pandas as pa

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.frames import count_rows
from tiktok_pipeline.raw.schema import MAYBE_UNDER_AGE_RECORD, PROFILES, VIDEOS, Source
from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.validated.clean import (
    clean_activity,
    clean_profiles,
    delivered_handle,
    delivered_number,
)
from tiktok_pipeline.validated.delivered import mark_delivered
from tiktok_pipeline.validated.duplicates import NOTHING_IS_KEPT, POSITION, UNDER_AGE, mark_duplicates
from tiktok_pipeline.validated.fast_path import mark_canonical, parse_canonical
from tiktok_pipeline.validated.formats.canonical import canonical_cells
from tiktok_pipeline.validated.formats.formats import Formats
from tiktok_pipeline.validated.schema import REJECTED_TABLE, SCHEMAS, TABLES
from tiktok_pipeline.validated.unread_cells import count_unread_cells, has_unread_cell
from tiktok_pipeline.warehouse.base import Engine
from tiktok_pipeline.warehouse.contract import rules

REASON_SEPARATOR = "\x1f"
MAX_REJECTED_SHARE = 0.5
RATE_TOLERANCE = 1e-6

MAX_MATERIALIZED_SHARE = 0.1
"""Share of rows that are not canonical, up to which they are materialized: that stores all their texts twice."""

FIRST_ROWS = 100_000
"""Number of leading rows from which that share is estimated. A table of at most so many rows may be materialized."""


class SnapshotRejectedError(PipelineError):
    """A snapshot is empty, or more than half of its rows are rejected; the text names the rules that they break."""

    code = "snapshot_rejected"


@dataclass(frozen=True)
class ValidationResult:
    """The frames of a source.

    Attributes
    ----------
    valid : LazyFrame
        Rows of ``validated.<source>``.
    rejected : LazyFrame
        Rows of ``validated.rejected``.
    unread_cells : DataFrame, optional
        Rows of ``validated.unread_cells``; None for a source whose cells are not counted.
    """

    valid: nw.LazyFrame[Any]
    rejected: nw.LazyFrame[Any]
    unread_cells: pd.DataFrame | None = None


def validate_source(
    raw: nw.LazyFrame[Any],
    source: Source,
    engine: Engine,
    *,
    formats: Mapping[str, Formats] | None = None,
    columns: Mapping[str, Collection[str]] | None = None,
) -> ValidationResult:
    """Validate the raw rows of one source of one snapshot; each row is valid or rejected.

    A cell of an optional column that cannot be read becomes NULL and is counted; its row stays.

    A row is suspect if it is not canonical (see `tiktok_pipeline.validated.fast_path`), or if its account may occur
    more than once. Only suspect rows are cleaned and checked against the rules. There are two ways to assemble the
    valid rows, which give the same result:

    - If the table is small or few rows are not canonical, the suspect rows are materialized and the others are parsed
      on the fast path.
    - If many rows of a large table are not canonical, as in a file that a spreadsheet saved, all rows are cleaned.
      Only rows with a problem, an unread cell or a repeated account are materialized.

    Parameters
    ----------
    raw : LazyFrame
        Rows of ``raw.<source>``, all text.
    source : Source
        The source that the rows belong to.
    engine : Engine
        The engine that the frame lives in.
    formats : mapping of str to Formats, optional
        The formats of each file by ``source_file``; a file without an entry is canonical.
    columns : mapping of str to collection of str, optional
        The canonical columns that each file has. A file without an entry has those with at least one cell.

    Returns
    -------
    ValidationResult
        The frames are lazy; they stay readable until `Engine.unpersist_all`.
    """
    delivered, raw = raw, mark_delivered(canonical_cells(raw, formats or {}, engine), source, columns or {})
    clean = {"profiles": clean_profiles, "creator_activity": clean_activity}[source.name]
    marked = _with_keys(mark_canonical(raw, source, engine), source)
    is_small = count_rows(delivered.head(FIRST_ROWS + 1)) <= FIRST_ROWS
    if is_small:
        # Stored once: planning the patterns of a small table takes longer than matching them.
        raw = marked = keys = engine.persist(marked)
    else:
        keys = _with_delivered_keys(raw, source)
    use_fast_path = source.name == PROFILES.name and (
        is_small or _share_not_canonical(delivered, formats or {}, source, engine) < MAX_MATERIALIZED_SHARE
    )
    suspects = _suspect_rows(marked, keys, engine).drop("handle", "number")
    checked = apply_rules(clean(suspects, engine), SCHEMAS[source.name])
    may_be_rejected = (nw.col("problems") != "") | nw.col("is_repeated")
    is_odd = may_be_rejected | has_unread_cell(source)
    materialized = engine.persist(checked if use_fast_path else engine.where(checked, is_odd))
    with_duplicates = materialized.filter(may_be_rejected)
    if count_rows(materialized.filter(nw.col("is_repeated")).head(1)):
        with_duplicates = mark_duplicates(with_duplicates, engine, count_ids=lambda: _count_ids(keys))
    rejected = engine.persist(with_duplicates.filter(nw.col("problems") != ""))

    names = TABLES[source.name].frame_names
    cleaned = materialized if use_fast_path else drop_unreadable(clean(raw, engine), SCHEMAS[source.name])
    valid = cleaned.join(rejected.select(*POSITION), on=POSITION, how="anti").select(names)
    if use_fast_path:
        canonical = raw.join(materialized.select(*POSITION), on=POSITION, how="anti")
        valid = nw.concat([parse_canonical(canonical, engine), valid], how="vertical")
    kept = materialized.join(rejected.select(*POSITION), on=POSITION, how="anti")
    return ValidationResult(
        valid=valid,
        rejected=rejected_rows(rejected, source, engine, delivered if formats else None),
        unread_cells=count_unread_cells(kept, source),
    )


def _count_ids(keys: nw.LazyFrame[Any]) -> int:
    """Return the number of different ids that can identify an account."""
    return count_rows(keys.filter(~nw.col("number").is_null()).select("number").unique())


def _with_keys(marked: nw.LazyFrame[Any], source: Source) -> nw.LazyFrame[Any]:
    """Add what an account is recognized by to marked rows: ``handle`` and ``number``, as they will be parsed."""
    handle = nw.when(nw.col("is_canonical")).then(nw.col("account_id")).otherwise(delivered_handle(source))
    return marked.with_columns(handle.alias("handle"), delivered_number(source).alias("number"))


def _with_delivered_keys(raw: nw.LazyFrame[Any], source: Source) -> nw.LazyFrame[Any]:
    """Add the same keys to raw rows, without the test whether a row is canonical."""
    return raw.with_columns(delivered_handle(source).alias("handle"), delivered_number(source).alias("number"))


def _suspect_rows(marked: nw.LazyFrame[Any], keys: nw.LazyFrame[Any], engine: Engine) -> nw.LazyFrame[Any]:
    """Return the rows that are not canonical or whose creator may occur more than once, with ``is_repeated``."""
    by_handle = engine.mark_repeated(marked, "handle", among=keys.select("handle"))
    by_handle = by_handle.rename({"is_repeated": "is_repeated_handle"})
    by_number = engine.mark_repeated(by_handle, "number", among=keys.select("number"))
    is_repeated = nw.col("is_repeated") | nw.col("is_repeated_handle")
    repeated = by_number.with_columns(is_repeated.alias("is_repeated"))
    suspects = engine.where(repeated, ~nw.col("is_canonical") | nw.col("is_repeated"))
    return suspects.drop("is_repeated_handle")


def rejected_rows(
    rejected: nw.LazyFrame[Any], source: Source, engine: Engine, delivered: nw.LazyFrame[Any] | None = None
) -> nw.LazyFrame[Any]:
    """Return rows of ``validated.rejected``; nothing of a person under age, or of a damaged record, is kept.

    ``delivered`` has the cells as they were delivered, if ``rejected`` has rewritten ones.
    """
    # The cells of a damaged record may be in the wrong columns, the flag of a person under age among them.
    may_keep = ~nw.col("problems").is_in(NOTHING_IS_KEPT) & nw.col("read_problem").is_null()
    cells = {name: f"raw_{name}" for name in source.columns}
    if delivered is not None:
        as_delivered = delivered.select(*POSITION, *source.columns).rename(cells)
        rejected = rejected.drop(*cells.values()).join(as_delivered, on=POSITION, how="left")
    records = engine.to_json(rejected, "record", cells | {"extra": "extra"}).with_columns(
        nw.when(may_keep).then(nw.col("account_id")).alias("account_id"),
        nw.when(may_keep).then(nw.col("record")).alias("record"),
        nw.lit(source.name).alias("source"),
        nw.col("problems").str.split(REASON_SEPARATOR).alias("reasons"),
    )
    return records.select(REJECTED_TABLE.frame_names)


def _share_not_canonical(
    delivered: nw.LazyFrame[Any], formats: Mapping[str, Formats], source: Source, engine: Engine
) -> float:
    """Return the share of rows that are not canonical among the first `FIRST_ROWS`."""
    # Cut before they are marked: the engine would mark many more rows than it returns.
    first = mark_canonical(canonical_cells(delivered.head(FIRST_ROWS), formats, engine), source, engine)
    share = first.select(canonical=nw.col("is_canonical").cast(nw.Float64).mean())
    return 1.0 - (share.collect("pyarrow").item(0, "canonical") or 0.0)


def apply_rules(cleaned: nw.LazyFrame[Any], schema: pa.DataFrameSchema) -> nw.LazyFrame[Any]:
    r"""Replace values of optional columns that break a rule by NULL, and add every other broken rule to ``problems``.

    A damaged record has that reason alone, because its cells may be in the wrong columns. A row of a person who is
    under age, or may be because the flag cannot be read, has that reason alone, because no reason may quote it. A
    cell that cannot be parsed is not also missing.

    Parameters
    ----------
    cleaned : LazyFrame
        Rows as `tiktok_pipeline.validated.clean` returns them.
    schema : DataFrameSchema
        The contract of the validated table.

    Returns
    -------
    LazyFrame
        The same rows; ``problems`` holds all reasons joined by ``\\x1f``, and is empty for a valid row.
    """
    cleaned = drop_unreadable(cleaned, schema)
    required = [rule for rule in rules(schema) if not schema.columns[rule.column].nullable]
    is_intact = nw.col("read_problem").is_null()
    broken = []
    for rule in required:
        applies = is_intact & ~rule.holds
        if rule.reason.endswith(": missing") and f"raw_{rule.column}" in cleaned.collect_schema().names():
            applies = applies & ~nw.col("problems").str.contains(f"(^|{REASON_SEPARATOR}){rule.column}: ")
        broken.append(nw.when(applies).then(nw.lit(rule.reason)))
    unparsed = nw.when(nw.col("problems") != "").then(nw.col("problems"))
    damage = nw.col("read_problem").str.replace_all(REASON_SEPARATOR, " ", literal=True)
    first = nw.when(is_intact).then(unparsed).otherwise(damage)
    reasons = nw.concat_str([first, *broken], separator=REASON_SEPARATOR, ignore_nulls=True)
    # Nearly every row is valid: no reason is assembled for those.
    is_valid = nw.all_horizontal(
        is_intact, nw.col("problems") == "", *(rule.holds for rule in required), ignore_nulls=False
    )
    problems = nw.when(is_valid).then(nw.lit("")).otherwise(reasons)
    if "is_under_age" in cleaned.collect_schema().names():
        # Not in a damaged record, where the cell may belong to another column.
        is_unreadable = nw.col("problems").str.contains(f"(^|{REASON_SEPARATOR})is_under_age: ")
        problems = (
            nw.when(is_intact & nw.col("is_under_age"))
            .then(nw.lit(UNDER_AGE))
            .when(is_intact & is_unreadable)
            .then(nw.lit(MAYBE_UNDER_AGE_RECORD))
            .otherwise(problems)
        )
    return cleaned.with_columns(problems.alias("problems"))


def drop_unreadable(cleaned: nw.LazyFrame[Any], schema: pa.DataFrameSchema) -> nw.LazyFrame[Any]:
    """Replace each value of an optional column that breaks a rule of the column by NULL."""
    holds: dict[str, list[nw.Expr]] = {}
    for rule in rules(schema):
        if schema.columns[rule.column].nullable:
            holds.setdefault(rule.column, []).append(rule.holds)
    if not holds:
        return cleaned
    return cleaned.with_columns(
        *(
            nw.when(nw.all_horizontal(*rules_of_column, ignore_nulls=False)).then(nw.col(name)).alias(name)
            for name, rules_of_column in holds.items()
        )
    )


def without_quoted_cells(reason: nw.Expr) -> nw.Expr:
    """Return a reason without the cells it quotes, as it may be written to a log."""
    return reason.str.replace_all(r"(?s)^([a-z_]+: ).* is not (an? |true )", r"\1a cell is not \2").str.replace_all(
        r"(?s)^(no JSON object: ).*$", r"\1..."
    )


def check_balance(
    counts: Mapping[str, int],
    *,
    snapshot: str,
    source: str,
    worst: Mapping[str, int],
    find_worst_file: Callable[[], tuple[str, int, int]] | None = None,
) -> None:
    """Check that ``raw = validated + rejected`` and that at most half of the rows are rejected.

    A row that a newer one of the same creator supersedes is not a bad row: it does not count in either number. Videos
    that cannot be used never stop a snapshot: their creators can be segmented without them.

    Parameters
    ----------
    counts : mapping of str to int
        Rows by stage: ``raw``, ``validated``, ``rejected``, and the ``harmless`` ones among the rejected.
    snapshot, source : str
        What the rows belong to.
    worst : mapping of str to int
        The most frequent reasons and their rows.
    find_worst_file : callable, optional
        Return the file with the most bad rows, their number, and the number of its rows.

    Raises
    ------
    SnapshotRejectedError
        If the source has no row, or more than half of its rows are rejected.
    AssertionError
        If rows were lost or duplicated, which is a defect of this program.
    """
    raw, valid, rejected = counts["raw"], counts["validated"], counts["rejected"]
    if raw != valid + rejected:
        msg = f"snapshot {snapshot}, {source}: {raw} raw rows became {valid} validated and {rejected} rejected rows"
        raise AssertionError(msg)
    if raw == 0:
        msg = f"snapshot {snapshot}: its {source} files have no rows; the validated tables stay as they were"
        raise SnapshotRejectedError(msg)
    bad, rows_of_creators = rejected - counts.get("harmless", 0), raw - counts.get("harmless", 0)
    if bad > MAX_REJECTED_SHARE * rows_of_creators and source != VIDEOS.name:
        reasons = "; ".join(f"{reason} ({rows})" for reason, rows in list(worst.items())[:3])
        msg = (
            f"snapshot {snapshot}, {source}: {bad} of {rows_of_creators} rows are rejected (at most half may be): "
            f"{reasons}. See validated.rejected; the other validated tables stay as they were"
        )
        query = f"select reasons, count(*) from validated.rejected where snapshot = '{snapshot}' group by all"  # noqa: S608
        remedy = f'`tiktok-pipeline sql --warehouse "{query}"` counts the reasons'
        if find_worst_file is not None:
            file, bad_in_file, rows_of_file = find_worst_file()
            msg += f"; {file} has the most, {bad_in_file} of its {rows_of_file} rows"
            remedy += f"; to take the file back: `tiktok-pipeline withdraw {shlex.quote(one_line(file))}`"
        raise SnapshotRejectedError(msg, remedy=remedy)


def inconsistent_rates(profiles: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Return the validated profiles whose average rate differs from like rate plus comment rate by more than 1e-6."""
    gap = nw.col("avg_engagement_rate") - nw.col("comment_engagement_rate") - nw.col("like_engagement_rate")
    return profiles.filter(gap.abs() > RATE_TOLERANCE)
