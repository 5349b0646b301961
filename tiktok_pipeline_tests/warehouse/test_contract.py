"""Contracts as pandera schemas and as rules for the engine: both find the same faults, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import narwhals as nw
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tiktok_pipeline.validated.duplicates import mark_duplicates
from tiktok_pipeline.validated.schema import ACTIVITY_SCHEMA, MOST_FOLLOWERS, PROFILES_SCHEMA, PROFILES_TABLE
from tiktok_pipeline.validated.validate import apply_rules
from tiktok_pipeline.warehouse.base import Column, TableSpec
from tiktok_pipeline.warehouse.contract import rules, schema_for
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.hypothesis_profiles import examples
from tiktok_pipeline_tests.warehouse.tables import THINGS, rows_of

_SPLIT = "\x1f"
_ARROW = {
    "text": pa.string(),
    "integer": pa.int64(),
    "float": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
}

# Cleaned texts have no surrounding white space: Python's "$" also matches before a last line break, RE2's does not.
_TEXTS = st.one_of(
    st.text(max_size=70).map(str.strip),
    st.sampled_from(
        ["", "a", "@a", "a b", "a/b", "a\\b", "a" * 64, "a" * 65, "1" * 20, "1" * 21, "12a", "١٢", "🎉" * 64]
    ),
    st.sampled_from([100, 101, 1000, 1001, 4000, 4001, 10_000, 10_001]).map("é".__mul__),
)
_INTEGERS = st.one_of(st.integers(-3, 3), st.sampled_from([10**15 - 1, 10**15, 10**15 + 1, 2**63 - 1, -(2**63)]))
_FLOATS = st.one_of(
    st.floats(allow_nan=False), st.sampled_from([0.0, -0.0, -5e-324, 1e6, 1000000.0000000001, float("inf")])
)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": _TEXTS,
    "integer": _INTEGERS,
    "float": _FLOATS,
    "boolean": st.booleans(),
    "date": st.dates(date(2016, 1, 1), date(2030, 1, 1)),
}
_VALID: dict[str, Any] = {"account_id": "a", "followers": 1, "following": 1, "likes": 1, "videos_count": 1}


@st.composite
def profiles(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw rows of validated.profiles: valid ones in which some cells are replaced by any value of their type."""
    rows = []
    for place in range(draw(st.integers(1, 12))):
        row = dict.fromkeys(PROFILES_TABLE.frame_names) | _VALID | {"source_file": "f.csv", "source_row": place}
        columns = [
            column for column in PROFILES_TABLE.frame_columns if column.name not in {"source_file", "source_row"}
        ]
        for column in draw(st.lists(st.sampled_from(columns), max_size=4, unique_by=lambda column: column.name)):
            row[column.name] = draw(st.none() | _VALUES[column.type])
        rows.append(row)
    return rows


@pytest.fixture(scope="module")
def opened() -> Iterator[DuckDBWarehouse]:
    """One engine for all examples of a property test."""
    with DuckDBWarehouse(None) as engine:
        yield engine


def faults_by_engine(engine: DuckDBWarehouse, rows: list[dict[str, Any]]) -> set[tuple[int, str]]:
    """Return the (row, column) pairs that break a rule in the engine: by a reason, or by a value that is dropped."""
    cells = {
        column.name: pa.array([row[column.name] for row in rows], _ARROW[column.type])
        for column in PROFILES_TABLE.frame_columns
    }
    unrounded = nw.from_native(engine._connection.from_arrow(pa.table(cells)))  # a stored float would be rounded
    null_text = nw.lit(None).cast(nw.String)
    cleaned = unrounded.with_columns(null_text.alias("read_problem"), nw.lit("").alias("problems"))
    checked = apply_rules(cleaned, PROFILES_SCHEMA)
    before = {row["source_row"]: row for row in rows}
    faults = {
        (row["source_row"], name)
        for row in rows_of(checked.select(PROFILES_TABLE.frame_names))
        for name, value in row.items()
        if value is None and before[row["source_row"]][name] is not None
    }
    marked = mark_duplicates(checked, engine)
    for row in rows_of(marked.select("source_row", "problems")):
        reasons = [reason for reason in row["problems"].split(_SPLIT) if reason and "duplicate" not in reason]
        faults |= {(row["source_row"], reason.partition(": ")[0]) for reason in reasons}
    return faults


def faults_by_pandera(rows: list[dict[str, Any]]) -> set[tuple[int, str]]:
    """Return the (row, column) pairs that break a check in pandera's pandas backend."""
    frame = pd.DataFrame(rows, columns=PROFILES_TABLE.frame_names).astype({"observed_on": "object"})
    try:
        PROFILES_SCHEMA.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as failed:
        cases = failed.failure_cases
        assert cases["index"].notna().all(), cases
        return {(int(index), str(column)) for index, column in zip(cases["index"], cases["column"], strict=True)}
    return set()


@settings(max_examples=examples(30), deadline=None)
@given(profiles())
@example(
    [
        dict.fromkeys(PROFILES_TABLE.frame_names) | _VALID | {"source_file": "f", "source_row": 0},
        dict.fromkeys(PROFILES_TABLE.frame_names)
        | _VALID
        | {"source_file": "f", "source_row": 1, "scraped_videos": 2**63 - 1},
    ]
)
@example([dict.fromkeys(PROFILES_TABLE.frame_names) | {"source_file": "f", "source_row": 0}])
@example([dict.fromkeys(PROFILES_TABLE.frame_names) | _VALID | {"source_file": "f", "source_row": 0, "likes": -1}])
def test_the_engine_finds_the_same_faults_as_pandera(opened: DuckDBWarehouse, rows: list[dict[str, Any]]) -> None:
    assert faults_by_engine(opened, rows) == faults_by_pandera(rows)


@pytest.mark.parametrize(
    ("column", "value", "is_valid"),
    [
        ("account_id", "a" * 64, True),
        ("account_id", "a" * 65, False),
        ("account_id", "nul\x00", False),
        ("tiktok_id", "1" * 20, True),
        ("tiktok_id", "1" * 21, False),
        ("followers", MOST_FOLLOWERS, True),
        ("followers", MOST_FOLLOWERS + 1, False),
        ("followers", -1, False),
        ("likes", None, True),
        ("likes", -1, False),
        ("followers", None, False),
        ("biography", "🎉" * 10_000, True),
        ("biography", "🎉" * 10_001, False),
        ("avg_engagement_rate", 1e6, True),
        ("avg_engagement_rate", -1e-9, False),
        ("avg_engagement_rate", None, True),
    ],
)
def test_the_bounds_of_each_rule(opened: DuckDBWarehouse, column: str, value: object, *, is_valid: bool) -> None:
    row = dict.fromkeys(PROFILES_TABLE.frame_names) | _VALID | {"source_file": "f", "source_row": 0, column: value}
    assert faults_by_engine(opened, [row]) == (set() if is_valid else {(0, column)})


def test_a_schema_has_the_columns_of_its_table() -> None:
    schema = schema_for(THINGS)
    assert list(schema.columns) == THINGS.frame_names
    assert {name for name, column in schema.columns.items() if not column.nullable} == {"name"}


@pytest.mark.parametrize("change", ["missing", "unknown"])
def test_a_schema_rejects_missing_and_unknown_columns(change: str) -> None:
    frame = pd.DataFrame({name: pd.Series([], dtype="object") for name in THINGS.frame_names})
    schema_for(THINGS).validate(frame)
    changed = frame.drop(columns="likes") if change == "missing" else frame.assign(more=1)
    with pytest.raises((pandera.errors.SchemaError, pandera.errors.SchemaErrors)):
        schema_for(THINGS).validate(changed)


def test_a_check_of_an_unknown_column_raises() -> None:
    with pytest.raises(
        ValueError, match=r"shelf[.]things: checks of columns that it does not have: \['snapshot', 'view'\]"
    ):
        schema_for(THINGS, {"view": [pandera.Check.ge(0)], "snapshot": [pandera.Check.ge(0)]})


@pytest.mark.parametrize(
    "check", [pandera.Check(lambda cells: cells > 0), pandera.Check.unique_values_eq(["a"]), pandera.Check.ne(1)]
)
def test_a_check_without_a_version_for_the_engine_raises(check: pandera.Check) -> None:
    with pytest.raises(
        ValueError, match=r"likes: check .* has no version for the engine; use one of \['greater_than"
    ):
        schema_for(THINGS, {"likes": [check]})


def test_rules_are_in_the_order_of_the_columns() -> None:
    checks = {"likes": [pandera.Check.ge(0), pandera.Check.lt(9)], "name": [pandera.Check.isin(["a", "b"])]}
    assert [rule.reason for rule in rules(schema_for(THINGS, checks))] == [
        "name: missing",
        "name: expected one of ['a', 'b']",
        "likes: expected at least 0",
        "likes: expected less than 9",
    ]


def test_every_rule_of_the_stages_has_a_reason() -> None:
    reasons = [rule.reason for schema in (PROFILES_SCHEMA, ACTIVITY_SCHEMA) for rule in rules(schema)]
    assert len(set(reasons)) > 20
    assert not [reason for reason in reasons if "{" in reason.replace("{1,", "") or "None" in reason]


@pytest.mark.parametrize("name", ["Upper", "with space", 'quo"te', "1st", "", "drop;", "é"])
def test_names_are_identifiers(name: str) -> None:
    with pytest.raises(ValueError, match="lower-case"):
        Column(name=name, type="text", description="")
    with pytest.raises(ValueError, match="lower-case"):
        TableSpec(schema=name, name="t", description="", columns=())
    with pytest.raises(ValueError, match="lower-case"):
        TableSpec(schema="s", name=name, description="", columns=())


def test_a_table_has_unique_columns_and_those_of_its_slice_and_key() -> None:
    column = Column(name="a", type="text", description="")
    with pytest.raises(ValueError, match="duplicate column name"):
        TableSpec(schema="s", name="t", description="", columns=(column, column))
    with pytest.raises(ValueError, match=r"columns \['snapshot'\] of its slice or key are not among its"):
        TableSpec(schema="s", name="t", description="", columns=(column,))
    with pytest.raises(ValueError, match=r"columns \['b'\] of its slice or key are not among its"):
        TableSpec(schema="s", name="t", description="", columns=(column,), slice_by=(), rows_per=("a", "b"))


def test_a_pattern_without_a_description_is_refused_since_no_person_reads_patterns() -> None:
    with pytest.raises(ValueError, match="name: a check of a pattern needs a description"):
        schema_for(THINGS, {"name": [pandera.Check.str_matches("^a$")]})
