"""The contract of the protocol `Warehouse`, held by every implementation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import narwhals as nw
import pandas as pd
import pyarrow as pa
import pytest

from tiktok_pipeline.warehouse.base import Column, TableSpec, Warehouse, WarehouseError
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.engines import with_sql
from tiktok_pipeline_tests.warehouse.tables import APRIL, MARCH, SCORES, THINGS, read, read_all, things

HOSTILE_TEXTS = [
    'it\'s "quoted"',
    "'; drop table shelf.things; --",
    "nul \x00 inside",
    "🎉👩‍👩‍👧 \u202eright to left",
    "line\r\nbreak\ttab",
    "$1 ? %s {x} \\",
    "",
]


WORDS = TableSpec(
    schema="shelf",
    name="words",
    description="a table without snapshots",
    columns=(
        Column(name="study", type="text", description="slice", nullable=False),
        Column(name="word", type="text", description="text"),
    ),
    slice_by=("study",),
)


def listed(warehouse: Warehouse) -> list[tuple[str, str, str, int, str]]:
    """Return the listed slices, without their times."""
    return [
        (stored.table, stored.snapshot, stored.study, stored.rows, stored.delivery_id)
        for stored in warehouse.slices()
    ]


def scores(warehouse: Warehouse, snapshot: str, study: str, *values: int, delivery_id: str = "") -> None:
    slice_ = {"snapshot": snapshot, "study": study}
    warehouse.replace_slice(
        SCORES, slice_, pa.table({"score": pa.array(values, pa.int64())}), delivery_id=delivery_id
    )


def names(warehouse: Warehouse, slice_: dict[str, str]) -> list[str]:
    return [row["name"] for row in read(warehouse, THINGS, slice_)]


class TestSlices:
    """A slice is written and read as a whole, and no other slice changes."""

    def test_a_slice_that_was_never_written_has_no_rows(self, warehouse: Warehouse) -> None:
        assert read(warehouse, THINGS, MARCH) == []
        assert warehouse.read_slice(THINGS, MARCH).collect_schema().names() == THINGS.frame_names

    def test_replacing_leaves_only_the_new_rows(self, warehouse: Warehouse) -> None:
        assert warehouse.replace_slice(THINGS, MARCH, things({"name": "a"}, {"name": "b"})) == 2
        assert warehouse.replace_slice(THINGS, MARCH, things({"name": "c"})) == 1
        assert names(warehouse, MARCH) == ["c"]

    def test_an_empty_frame_empties_the_slice(self, warehouse: Warehouse) -> None:
        warehouse.replace_slice(THINGS, MARCH, things({"name": "a"}))
        assert warehouse.replace_slice(THINGS, MARCH, pd.DataFrame(columns=THINGS.frame_names)) == 0
        assert names(warehouse, MARCH) == []

    def test_slices_do_not_touch_each_other(self, warehouse: Warehouse) -> None:
        for snapshot in ("s1", "s2"):
            for study in ("x", "y"):
                rows = pa.table({"score": [len(snapshot + study)]})
                warehouse.replace_slice(SCORES, {"snapshot": snapshot, "study": study}, rows)
        warehouse.replace_slice(SCORES, {"snapshot": "s1", "study": "x"}, pa.table({"score": [7, 8]}))
        stored = {(row["snapshot"], row["study"], row["score"]) for row in read_all(warehouse, SCORES)}
        assert stored == {("s1", "x", 7), ("s1", "x", 8), ("s1", "y", 3), ("s2", "x", 3), ("s2", "y", 3)}

    @pytest.mark.parametrize("slice_", [{}, {"study": "x"}, {"snapshot": "s", "study": "x"}])
    def test_a_slice_with_other_columns_is_rejected(self, warehouse: Warehouse, slice_: dict[str, str]) -> None:
        warehouse.replace_slice(THINGS, MARCH, things({"name": "a"}))
        calls = (
            lambda: warehouse.replace_slice(THINGS, slice_, things({})),
            lambda: warehouse.read_slice(THINGS, slice_),
            lambda: warehouse.replace_external_slice(THINGS, slice_, warehouse.read_slice(THINGS, MARCH)),
        )
        for call in calls:
            with pytest.raises(WarehouseError, match=r"shelf[.]things: a slice names \['snapshot'\]"):
                call()
        assert names(warehouse, MARCH) == ["a"]

    @pytest.mark.parametrize("text", HOSTILE_TEXTS)
    def test_hostile_text_is_only_text(self, warehouse: Warehouse, text: str) -> None:
        warehouse.replace_slice(THINGS, MARCH, things({"name": "other"}))
        warehouse.replace_slice(THINGS, {"snapshot": text}, things({"name": text, "tags": [text], "record": text}))
        row = read(warehouse, THINGS, {"snapshot": text})[0]
        assert (row["name"], row["tags"], row["record"]) == (text, [text], text)
        warehouse.drop_snapshots([THINGS], [text])
        assert [row["name"] for row in read_all(warehouse, THINGS)] == ["other"]

    def test_a_slice_may_be_computed_from_itself(self, warehouse: Warehouse) -> None:
        warehouse.replace_slice(THINGS, MARCH, things(*({"followers": place} for place in range(5000))))
        kept = warehouse.read_slice(THINGS, MARCH).filter(nw.col("followers") % 2 == 0)
        assert warehouse.replace_slice(THINGS, MARCH, kept) == 2500
        again = warehouse.read_slice(THINGS, MARCH).with_columns(nw.col("followers") * 10)
        assert warehouse.replace_slice(THINGS, MARCH, again) == 2500
        assert max(row["followers"] for row in read(warehouse, THINGS, MARCH)) == 49980


class TestStoredSlices:
    """The warehouse lists its slices, each with the delivery that it was computed from."""

    def test_a_new_warehouse_lists_no_slice(self, warehouse: Warehouse) -> None:
        assert warehouse.slices() == []
        warehouse.read_slice(THINGS, MARCH)
        assert warehouse.slices() == []

    def test_every_slice_is_listed_in_order(self, warehouse: Warehouse) -> None:
        warehouse.replace_slice(WORDS, {"study": "x"}, pa.table({"word": ["a", "b"]}))
        warehouse.replace_slice(THINGS, APRIL, things({}, {}, {}), delivery_id="delivery 2")
        warehouse.replace_slice(THINGS, MARCH, things({}), delivery_id="delivery 1")
        scores(warehouse, "2024-03-01", "y", 1, delivery_id="delivery 1")
        scores(warehouse, "2024-03-01", "x", 1, 2, delivery_id="delivery 1")
        assert listed(warehouse) == [
            ("shelf.scores", "2024-03-01", "x", 2, "delivery 1"),
            ("shelf.scores", "2024-03-01", "y", 1, "delivery 1"),
            ("shelf.things", "2024-03-01", "", 1, "delivery 1"),
            ("shelf.things", "2024-04-01", "", 3, "delivery 2"),
            ("shelf.words", "", "x", 2, ""),
        ]

    def test_a_slice_that_is_written_again_is_listed_once(self, warehouse: Warehouse) -> None:
        warehouse.replace_slice(THINGS, MARCH, things({}, {}), delivery_id="first")
        first = warehouse.slices()[0].written_at
        started = datetime.now(tz=UTC).replace(tzinfo=None)
        warehouse.replace_slice(THINGS, MARCH, things({}), delivery_id="second")
        assert listed(warehouse) == [("shelf.things", "2024-03-01", "", 1, "second")]
        assert first <= started <= warehouse.slices()[0].written_at <= datetime.now(tz=UTC).replace(tzinfo=None)

    def test_a_slice_without_rows_is_listed_too(self, warehouse: Warehouse) -> None:
        warehouse.replace_slice(THINGS, MARCH, things(), delivery_id="empty")
        assert listed(warehouse) == [("shelf.things", "2024-03-01", "", 0, "empty")]

    def test_a_failed_write_does_not_change_the_list(self, warehouse: Warehouse) -> None:
        warehouse.replace_slice(THINGS, MARCH, things({}), delivery_id="good")
        before = warehouse.slices()
        nameless = things({}, {}).set_column(0, "name", pa.array([None, None], pa.string()))
        with pytest.raises(WarehouseError, match="is unchanged"):
            warehouse.replace_slice(THINGS, MARCH, nameless, delivery_id="bad")
        assert warehouse.slices() == before

    @pytest.mark.parametrize("text", HOSTILE_TEXTS)
    def test_hostile_text_is_listed_unchanged(self, warehouse: Warehouse, text: str) -> None:
        scores(warehouse, text, text, 1, delivery_id=text)
        scores(warehouse, "other", "other", 1, delivery_id="other")
        assert ("shelf.scores", text, text, 1, text) in listed(warehouse)
        warehouse.set_delivery_id(text, "adopted")
        assert ("shelf.scores", text, text, 1, "adopted") in listed(warehouse)
        warehouse.drop_snapshots([SCORES], [text])
        assert listed(warehouse) == [("shelf.scores", "other", "other", 1, "other")]

    def test_set_delivery_id_changes_one_snapshot_only(self, warehouse: Warehouse) -> None:
        warehouse.replace_slice(THINGS, MARCH, things({"name": "a"}), delivery_id="old")
        warehouse.replace_slice(THINGS, APRIL, things({"name": "b"}), delivery_id="old")
        scores(warehouse, "2024-03-01", "x", 7, delivery_id="older")
        written = [stored.written_at for stored in warehouse.slices()]
        warehouse.set_delivery_id("2024-03-01", "new")
        assert listed(warehouse) == [
            ("shelf.scores", "2024-03-01", "x", 1, "new"),
            ("shelf.things", "2024-03-01", "", 1, "new"),
            ("shelf.things", "2024-04-01", "", 1, "old"),
        ]
        assert [stored.written_at for stored in warehouse.slices()] == written
        assert (names(warehouse, MARCH), names(warehouse, APRIL)) == (["a"], ["b"])

    def test_set_delivery_id_of_an_unknown_snapshot_adds_nothing(self, warehouse: Warehouse) -> None:
        warehouse.replace_slice(THINGS, MARCH, things({}), delivery_id="old")
        warehouse.set_delivery_id("2024-04-01", "new")
        assert listed(warehouse) == [("shelf.things", "2024-03-01", "", 1, "old")]


class TestDroppingSnapshots:
    """A snapshot is dropped from all tables or from none."""

    def test_the_snapshots_are_dropped_from_every_table(self, warehouse: Warehouse) -> None:
        for snapshot in ("s1", "s2", "s3"):
            warehouse.replace_slice(THINGS, {"snapshot": snapshot}, things({"name": snapshot}))
            scores(warehouse, snapshot, "x", 1)
            scores(warehouse, snapshot, "y", 1, 2)
        warehouse.replace_slice(WORDS, {"study": "x"}, pa.table({"word": ["a"]}))
        warehouse.drop_snapshots([THINGS, SCORES, WORDS], ["s1", "s3", "never there"])
        assert listed(warehouse) == [
            ("shelf.scores", "s2", "x", 1, ""),
            ("shelf.scores", "s2", "y", 2, ""),
            ("shelf.things", "s2", "", 1, ""),
            ("shelf.words", "", "x", 1, ""),
        ]
        assert [row["name"] for row in read_all(warehouse, THINGS)] == ["s2"]
        assert {row["snapshot"] for row in read_all(warehouse, SCORES)} == {"s2"}
        assert read_all(warehouse, WORDS) == [{"study": "x", "word": "a"}]
        for snapshot in ("s1", "s3"):
            assert names(warehouse, {"snapshot": snapshot}) == []
            assert read(warehouse, SCORES, {"snapshot": snapshot, "study": "y"}) == []

    def test_dropping_none_changes_nothing(self, warehouse: Warehouse) -> None:
        warehouse.replace_slice(THINGS, MARCH, things({}))
        warehouse.drop_snapshots([THINGS, SCORES], [])
        warehouse.drop_snapshots([], [])
        assert (len(warehouse.slices()), len(names(warehouse, MARCH))) == (1, 1)

    def test_other_tables_keep_the_snapshot(self, warehouse: Warehouse) -> None:
        warehouse.replace_slice(THINGS, MARCH, things({}))
        scores(warehouse, "2024-03-01", "x", 1)
        warehouse.drop_snapshots([THINGS], ["2024-03-01"])
        assert read(warehouse, SCORES, {"snapshot": "2024-03-01", "study": "x"}) == [{"score": 1}]
        assert listed(warehouse) == [("shelf.scores", "2024-03-01", "x", 1, "")]

    @pytest.mark.parametrize("stopped_at", [1, 2, 3])
    def test_an_interrupted_drop_drops_nothing(
        self, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, stopped_at: int
    ) -> None:
        warehouse.replace_slice(THINGS, MARCH, things({"name": "kept"}))
        scores(warehouse, "2024-03-01", "x", 1)
        before = warehouse.slices()
        run, statements = DuckDBWarehouse._run, []

        def interrupted(self: Any, sql: str, *arguments: Any, **rows: Any) -> None:
            run(self, sql, *arguments, **rows)
            statements.append(sql)
            if len(statements) == stopped_at:
                raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(DuckDBWarehouse, "_run", interrupted)
            with pytest.raises(KeyboardInterrupt):
                warehouse.drop_snapshots([THINGS, SCORES], ["2024-03-01"])
        assert (names(warehouse, MARCH), warehouse.slices()) == (["kept"], before)
        assert read(warehouse, SCORES, {"snapshot": "2024-03-01", "study": "x"}) == [{"score": 1}]


class TestTypes:
    """Tables have the types of their spec, whatever the types of the first frame."""

    def test_every_type_is_read_back(self, warehouse: Warehouse) -> None:
        row = {
            "name": "a",
            "followers": 2**62,
            "likes": -1,
            "rate": 0.25,
            "is_new": False,
            "seen_on": date(2023, 8, 12),
            "stored_at": datetime(2023, 8, 12, 1, 2, 3, 4),  # noqa: DTZ001 - stored as UTC without a zone
            "tags": ["x", "", "it's"],
            "record": '{"a": 1}',
        }
        warehouse.replace_slice(THINGS, MARCH, things(row, {"name": "b", "tags": []}))
        empty = dict.fromkeys(THINGS.frame_names) | {"name": "b", "tags": []}
        assert read(warehouse, THINGS, MARCH) == [row, empty]

    def test_an_all_null_first_column_keeps_its_type(self, warehouse: Warehouse) -> None:
        warehouse.replace_slice(THINGS, MARCH, things({"name": "a"}))
        warehouse.replace_slice(THINGS, APRIL, things({"name": "b", "rate": 0.5, "seen_on": date(2024, 4, 1)}))
        row = read(warehouse, THINGS, APRIL)[0]
        assert (row["rate"], row["seen_on"]) == (0.5, date(2024, 4, 1))
        schema = warehouse.read_slice(THINGS, MARCH).collect_schema()
        assert [schema["rate"], schema["followers"], schema["tags"]] == [nw.Float64, nw.Int64, nw.List(nw.String)]

    def test_pandas_frames_with_missing_values(self, warehouse: Warehouse) -> None:
        frame = pd.DataFrame({"name": ["a", "b"], "followers": pd.array([1, None], "Int64"), "rate": [None, 0.5]})
        frame = frame.reindex(columns=THINGS.frame_names)
        warehouse.replace_slice(THINGS, MARCH, frame)
        cells = [(row["followers"], row["rate"], row["tags"]) for row in read(warehouse, THINGS, MARCH)]
        assert cells == [(1, None, None), (None, 0.5, None)]

    @pytest.mark.parametrize(
        ("given", "stored"),
        [
            (1 / 3, 0.333333333333),
            (-2 / 3, -0.666666666667),
            (123456789012345.67, 123456789012000.0),
            (0.1 + 0.2, 0.3),
            (1e300, 1e300),
            (5e-324, 5e-324),
            (0.0, 0.0),
            (float("inf"), float("inf")),
            (float("nan"), None),
            (None, None),
        ],
    )
    def test_floats_are_stored_to_12_digits(
        self, warehouse: Warehouse, given: float | None, stored: float | None
    ) -> None:
        warehouse.replace_slice(THINGS, MARCH, things({"rate": given}))
        assert read(warehouse, THINGS, MARCH)[0]["rate"] == stored


class TestFailures:
    """A failed write changes nothing, and the warehouse can be used afterwards."""

    def test_a_column_may_have_fewer_digits(self, warehouse: Warehouse) -> None:
        coarse = tuple(replace(column, digits=6) if column.name == "rate" else column for column in THINGS.columns)
        warehouse.replace_slice(replace(THINGS, columns=coarse), MARCH, things({"rate": 2 / 3}))
        assert read(warehouse, THINGS, MARCH)[0]["rate"] == 0.666667

    def test_columns_in_another_order_are_matched_by_name(self, warehouse: Warehouse) -> None:
        frame = things({"name": "a", "followers": 1, "likes": 2}).select(THINGS.frame_names[::-1])
        warehouse.replace_slice(THINGS, MARCH, frame)
        row = read(warehouse, THINGS, MARCH)[0]
        assert (row["name"], row["followers"], row["likes"]) == ("a", 1, 2)

    def test_slice_columns_may_have_any_place_in_the_table(self, warehouse: Warehouse) -> None:
        turned = replace(SCORES, name="turned", columns=SCORES.columns[::-1], slice_by=("study", "snapshot"))
        warehouse.replace_slice(turned, {"snapshot": "s1", "study": "x"}, pa.table({"score": [7]}))
        assert read_all(warehouse, turned) == [{"score": 7, "study": "x", "snapshot": "s1"}]

    @pytest.mark.parametrize("change", ["missing", "unknown", "slice column", "renamed"])
    def test_wrong_columns_write_nothing(self, warehouse: Warehouse, change: str) -> None:
        warehouse.replace_slice(THINGS, MARCH, things({"name": "old"}))
        good = things({"name": "new"})
        frame = {
            "missing": good.drop_columns(["likes"]),
            "unknown": good.append_column("more", pa.array([1])),
            "slice column": good.append_column("snapshot", pa.array(["x"])),
            "renamed": good.rename_columns(["likez" if name == "likes" else name for name in good.column_names]),
        }[change]
        for rows in (frame, frame.to_pandas()):
            with pytest.raises(WarehouseError, match=r"shelf[.]things: the frame lacks .* nothing was written"):
                warehouse.replace_slice(THINGS, MARCH, rows)
        assert names(warehouse, MARCH) == ["old"]

    def test_an_error_in_the_third_row_keeps_the_old_slice(self, warehouse: Warehouse) -> None:
        warehouse.replace_slice(THINGS, APRIL, things(*({"followers": place} for place in (1, 2, 3, 4))))
        warehouse.replace_slice(THINGS, MARCH, things({"name": "old"}))
        april = warehouse.read_slice(THINGS, APRIL)
        error = "error" if isinstance(warehouse, DuckDBWarehouse) else "raise_error"
        failing = f"case when followers = 3 then {error}('boom') else name end as name"
        rows = with_sql(april, failing, *(name for name in THINGS.frame_names if name != "name"))
        with pytest.raises(WarehouseError, match=r"writing shelf[.]things failed, the table is unchanged: .*boom"):
            warehouse.replace_slice(THINGS, MARCH, rows)
        assert names(warehouse, MARCH) == ["old"]
        assert len(names(warehouse, APRIL)) == 4

    @pytest.mark.parametrize("cells", [{"name": [None]}, {"followers": ["many"]}, {"seen_on": ["2023-02-31"]}])
    def test_a_cell_that_does_not_fit_keeps_the_old_slice(
        self, warehouse: Warehouse, cells: dict[str, list[str | None]]
    ) -> None:
        warehouse.replace_slice(THINGS, MARCH, things({"name": "old"}))
        frame = things({"name": "new"})
        for name, values in cells.items():
            frame = frame.set_column(THINGS.frame_names.index(name), name, pa.array(values, pa.string()))
        with pytest.raises(WarehouseError, match="the table is unchanged") as caught:
            warehouse.replace_slice(THINGS, MARCH, frame)
        assert "\n" not in str(caught.value)
        assert names(warehouse, MARCH) == ["old"]
        assert warehouse.replace_slice(THINGS, MARCH, things({"name": "new"})) == 1
        assert names(warehouse, MARCH) == ["new"]

    def test_an_error_from_outside_the_engine_keeps_the_old_slice(
        self, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        warehouse.replace_slice(THINGS, MARCH, things({"name": "old"}))
        run = DuckDBWarehouse._run

        def interrupted(self: Any, sql: str, *arguments: Any, **rows: Any) -> None:
            run(self, sql, *arguments, **rows)
            if sql.startswith(("insert", "delete")):
                raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(DuckDBWarehouse, "_run", interrupted)
            with pytest.raises(KeyboardInterrupt):
                warehouse.replace_slice(THINGS, MARCH, things({"name": "new"}))
        assert names(warehouse, MARCH) == ["old"]


class TestClosing:
    """A closed warehouse opens its database again at the next use."""

    def test_closing_twice_counts_once(self, warehouse: Warehouse) -> None:
        warehouse.replace_slice(THINGS, MARCH, things({"name": "a"}))
        generation = warehouse.connection_generation
        warehouse.close()
        warehouse.close()
        assert warehouse.connection_generation == generation + 1
        assert names(warehouse, APRIL) == []

    def test_a_with_block_closes_the_warehouse_also_after_an_error(self, warehouse: Warehouse) -> None:
        def read_and_fail() -> None:
            with warehouse as opened:
                opened.slices()
                raise KeyError

        with pytest.raises(KeyError):
            read_and_fail()
        assert warehouse.connection_generation == 1
