"""Persons who are, or may be, under age: found in every source of a snapshot, and left out of all of them.

A flag may stand in one file only, of profiles, videos or activity; the person's rows in the others do not repeat it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw

from tiktok_pipeline.frames import count_rows
from tiktok_pipeline.raw.schema import PROFILES, SOURCES, UNDER_AGE_RECORD, VIDEOS, Source
from tiktok_pipeline.truth_words import DENIAL
from tiktok_pipeline.validated.clean import (
    delivered_handle,
    delivered_number,
    parse_account_id,
    stripped_cell,
)
from tiktok_pipeline.validated.identity import parse_handle, usable_number
from tiktok_pipeline.warehouse.base import Engine

Frame = nw.LazyFrame[Any]


def leave_out_under_age(raw: Mapping[str, Frame], engine: Engine) -> dict[str, Frame]:
    """Pass the flags of persons under age on to their rows in the other sources of a snapshot.

    Parameters
    ----------
    raw : mapping of str to LazyFrame
        Rows of ``raw.<source>`` by the name of the source.
    engine : Engine
        The engine that the frames live in.

    Returns
    -------
    dict of str to LazyFrame
        The same rows. A profile of a person whom another source flags has the flag, too; their rows of activity and
        videos have it as their ``read_problem``, so that nothing of them is kept.
    """
    marked = dict(raw)
    sources = [source for source in SOURCES if source.name in raw]
    if sources == [PROFILES]:  # what a profile says of the account's other profiles is decided with the duplicates
        return marked
    flagged = [engine.persist(_flagged(raw[source.name], source)) for source in sources if source is not PROFILES]
    if PROFILES in sources:
        rows = _marked(raw[PROFILES.name], PROFILES, flagged)
        marked[PROFILES.name] = rows
        flagged.append(engine.persist(_flagged(rows, PROFILES)))  # with the numbers that the other sources lack
    for source in sources:
        if source is not PROFILES:
            marked[source.name] = _marked(raw[source.name], source, flagged)
    return marked


def _flagged(rows: Frame, source: Source) -> Frame:
    """Return the handles and numbers of the persons whom a source flags."""
    if source is PROFILES:
        may_be = ~nw.col("is_under_age").fill_null("").str.contains(DENIAL)
        theirs = rows.filter(nw.col("read_problem").is_null() & may_be)
    else:
        theirs = rows.filter(nw.col("read_problem") == UNDER_AGE_RECORD)
    named = theirs.select(*(key.alias(name) for name, key in _keys(source).items())).unique()
    return named.filter(~nw.col("handle").is_null() | ~nw.col("number").is_null())


def _keys(source: Source) -> dict[str, nw.Expr]:
    """Return how the rows of a source name a person."""
    if source is PROFILES:
        return {"handle": delivered_handle(PROFILES), "number": delivered_number(PROFILES)}
    account = stripped_cell("account_id")
    if source is VIDEOS:
        number = usable_number(parse_account_id(stripped_cell("tiktok_id")))
        return {"handle": parse_handle(account, stripped_cell("url")), "number": number}
    nothing = nw.lit(None).cast(nw.String)
    return {"handle": parse_handle(account, nothing), "number": usable_number(parse_account_id(account))}


def _marked(rows: Frame, source: Source, flagged: Sequence[Frame]) -> Frame:
    """Return the rows with a mark on those of flagged persons."""
    people = nw.concat(list(flagged), how="vertical")
    if not count_rows(people):
        return rows
    joined = rows
    for name, key in _keys(source).items():
        theirs = people.select(name).filter(~nw.col(name).is_null()).unique()
        theirs = theirs.with_columns(nw.lit(True).alias(f"has_flagged_{name}"))
        joined = joined.with_columns(key.alias(name)).join(theirs, on=name, how="left").drop(name)
    is_flagged = ~nw.col("has_flagged_handle").is_null() | ~nw.col("has_flagged_number").is_null()
    # The cells of a damaged record may be in the wrong columns, and nothing of it is kept anyway.
    applies = nw.col("read_problem").is_null() & is_flagged
    column, mark = ("is_under_age", "true") if source is PROFILES else ("read_problem", UNDER_AGE_RECORD)
    changed = nw.when(applies).then(nw.lit(mark)).otherwise(nw.col(column))
    return joined.with_columns(changed.alias(column)).select(rows.collect_schema().names())
