"""Good rows and rejected rows: every reason a row fails for, judged once, inside the engine.

The rules are read off the pandera schema; a duplicate of an account within a snapshot is a rule of its own: the newest
observed row stays, then the last delivered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import pandera.pandas as pa

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.raw.schema import Source
from tiktok_pipeline.validated.clean import clean_activity, clean_profiles, delivered_handle
from tiktok_pipeline.validated.fast_path import mark_canonical, parse_canonical
from tiktok_pipeline.validated.schema import REJECTED_TABLE, SCHEMAS, TABLES
from tiktok_pipeline.warehouse.base import Engine
from tiktok_pipeline.warehouse.contract import rules

_SPLIT = "\x1f"
PLACE = ["source_file", "source_row"]
DUPLICATE = "account_id: an older or earlier duplicate of the row that is kept for this account"
UNDER_AGE = "is_under_age: the platform says the person is under 18; nothing of the profile is kept"
LARGEST_REJECTED_SHARE = 0.5
RATE_TOLERANCE = 1e-6

MAX_MATERIALIZED_SHARE = 0.1
"""To lay a row aside takes room for all its texts twice, on disk where memory ends."""
FIRST_ROWS = 100_000
"""So many rows tell how many are odd."""


class SnapshotRejectedError(PipelineError):
    """A snapshot is empty, or more than half of its rows are bad; the text says which rules they break."""

    code = "snapshot_rejected"


@dataclass(frozen=True)
class ValidationResult:
    """The two frames of a source: rows of ``validated.<source>`` and of ``validated.rejected``."""

    valid: nw.LazyFrame[Any]
    rejected: nw.LazyFrame[Any]


def validate_source(raw: nw.LazyFrame[Any], source: Source, engine: Engine) -> ValidationResult:
    """Clean and judge the raw rows of one source of one snapshot; each row is in exactly one of the two frames.

    Only odd rows are judged: those that are not usual, and those of an account that may stand there more than once. Where they
    are few they are laid aside and the usual ones are read as they are written; where they are many, as in what a spreadsheet
    saved, only the doubtful ones are laid aside and all the others are cleaned as they are written. Both give the same rows.
    """
    clean = {"profiles": clean_profiles, "creator_activity": clean_activity}[source.name]
    table = TABLES[source.name]
    handle = delivered_handle(source)
    told = nw.when(nw.col("is_usual")).then(nw.col("account_id")).otherwise(handle)
    named = mark_canonical(raw, source, engine).with_columns(told.alias("handle"))
    marked = engine.mark_repeated(named, "handle", among=raw.select(handle.alias("handle"))).drop("handle")
    judged = apply_rules(
        clean(marked.filter(~nw.col("is_usual") | nw.col("is_repeated")), engine), SCHEMAS[source.name]
    )
    is_doubtful = (nw.col("problems") != "") | nw.col("is_repeated")
    use_fast_path = _share_not_canonical(named) < MAX_MATERIALIZED_SHARE
    aside = engine.persist(judged if use_fast_path else judged.filter(is_doubtful))
    doubtful = aside.filter(is_doubtful)
    rejected = engine.persist(mark_duplicates(doubtful).filter(nw.col("problems") != ""))
    is_kept = nw.col("problems") != UNDER_AGE
    delivered = {name: f"raw_{name}" for name in source.columns} | {"extra": "extra"}
    records = engine.to_json(rejected, "record", delivered).with_columns(
        nw.when(is_kept).then(nw.col("account_id")).alias("account_id"),
        nw.when(is_kept).then(nw.col("record")).alias("record"),
        nw.lit(source.name).alias("source"),
        nw.col("problems").str.split(_SPLIT).alias("reasons"),
    )
    cleaned = aside if use_fast_path else clean(raw, engine)
    good = cleaned.join(rejected.select(*PLACE), on=PLACE, how="anti").select(table.frame_names)
    if use_fast_path:
        usual = raw.join(aside.select(*PLACE), on=PLACE, how="anti")
        good = nw.concat([parse_canonical(usual, engine), good], how="vertical")
    return ValidationResult(valid=good, rejected=records.select(REJECTED_TABLE.frame_names))


def _share_not_canonical(marked: nw.LazyFrame[Any]) -> float:
    """The share of rows that are not usual among the first ones of a source."""
    usual = marked.head(FIRST_ROWS).select(usual=nw.col("is_usual").cast(nw.Float64).mean())
    return 1.0 - (usual.collect("pyarrow").item(0, "usual") or 0.0)


def apply_rules(cleaned: nw.LazyFrame[Any], schema: pa.DataFrameSchema) -> nw.LazyFrame[Any]:
    r"""Add every broken rule to ``problems`` (one text, split by ``\\x1f``; empty for a good row).

    A row that is not whole is judged by that alone: its cells may stand in the wrong columns. So is that of a person under
    age: no other reason may quote it. A cell that could not be read counts as that, not as missing too.
    """
    whole = nw.col("read_problem").is_null()
    broken = []
    for rule in rules(schema):
        applies = whole & ~rule.holds
        if rule.reason.endswith(": missing") and f"raw_{rule.column}" in cleaned.collect_schema().names():
            applies = applies & ~nw.col("problems").str.contains(f"(^|{_SPLIT}){rule.column}: ")
        broken.append(nw.when(applies).then(nw.lit(rule.reason)))
    unread = nw.when(nw.col("problems") != "").then(nw.col("problems"))
    torn = nw.col("read_problem").str.replace_all(_SPLIT, " ", literal=True)
    first = nw.when(whole).then(unread).otherwise(torn)
    told = nw.concat_str([first, *broken], separator=_SPLIT, ignore_nulls=True)
    # Nearly every row is sound: for those no reason is put together.
    is_sound = nw.all_horizontal(
        whole, nw.col("problems") == "", *(rule.holds for rule in rules(schema)), ignore_nulls=False
    )
    problems = nw.when(is_sound).then(nw.lit("")).otherwise(told)
    if "is_under_age" in cleaned.collect_schema().names():
        # Not in a torn row: what stands in the column there may be anything.
        problems = nw.when(whole & nw.col("is_under_age")).then(nw.lit(UNDER_AGE)).otherwise(problems)
    return cleaned.with_columns(problems.alias("problems"))


def mark_duplicates(judged: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Mark all but one of the good rows of an account as duplicates of the one that stays.

    None stays where any row of the account says that the person is under age. Only accounts that stand there more than
    once are sorted: a window over all rows would spill for nothing.
    """
    order = [name for name in ("observed_on", *PLACE) if name in judged.collect_schema().names()]
    good = judged.filter(nw.col("problems") == "").select("account_id", *order)
    repeated = good.group_by("account_id").agg(nw.len().alias("rows")).filter(nw.col("rows") > 1)
    place = nw.col("source_row").cum_count(reverse=True).over("account_id", order_by=order)
    ranked = good.join(repeated.select("account_id"), on="account_id", how="inner").with_columns(place.alias("place"))
    older = ranked.filter(nw.col("place") > 1).select(*PLACE, nw.lit(DUPLICATE).alias("duplicate"))
    under_age = judged.filter(nw.col("problems") == UNDER_AGE).select("account_id", nw.lit(UNDER_AGE).alias("minor"))
    marked = judged.join(older, on=PLACE, how="left").join(under_age.unique(), on="account_id", how="left")
    problem = (
        nw.when(~nw.col("minor").is_null())
        .then(nw.col("minor"))
        .when(~nw.col("duplicate").is_null())
        .then(nw.col("duplicate"))
        .otherwise(nw.col("problems"))
    )
    return marked.with_columns(problem.alias("problems")).drop("duplicate", "minor")


def without_quoted_cells(reason: nw.Expr) -> nw.Expr:
    """A reason as it may stand in a log: what it quotes of a cell is somebody's own."""
    return (
        reason.str.replace_all(r"(?s)^(ragged: more than [0-9]+ cells, the next one is ).*$", r"\1...")
        .str.replace_all(r"(?s)^([a-z_]+: ).* is not (an? |true )", r"\1a cell is not \2")
        .str.replace_all(r"(?s)^(no JSON object: ).*$", r"\1...")
    )


def check_balance(counts: Mapping[str, int], *, snapshot: str, source: str, worst: Mapping[str, int]) -> None:
    """Hold ``raw = validated + rejected`` and the share of rejected rows; ``worst`` counts reasons.

    Raises `SnapshotRejectedError` where the snapshot is empty or more than half of it is bad, and `AssertionError`
    where rows were lost or doubled, which is a defect of this program.
    """
    raw, good, rejected = counts["raw"], counts["validated"], counts["rejected"]
    if raw != good + rejected:
        msg = f"snapshot {snapshot}, {source}: {raw} raw rows became {good} validated and {rejected} rejected ones"
        raise AssertionError(msg)
    if raw == 0:
        msg = f"snapshot {snapshot}: its {source} files hold no row; validated tables stay as they were"
        raise SnapshotRejectedError(msg)
    if rejected > LARGEST_REJECTED_SHARE * raw:
        reasons = "; ".join(f"{reason} ({rows})" for reason, rows in list(worst.items())[:3])
        msg = (
            f"snapshot {snapshot}, {source}: {rejected} of {raw} rows are rejected (at most half may be): {reasons}. "
            "See validated.rejected; the other validated tables stay as they were"
        )
        raise SnapshotRejectedError(msg)


def inconsistent_rates(profiles: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The validated profiles whose average rate is not likes plus comments, to 1e-6."""
    gap = nw.col("avg_engagement_rate") - nw.col("comment_engagement_rate") - nw.col("like_engagement_rate")
    return profiles.filter(gap.abs() > RATE_TOLERANCE)
