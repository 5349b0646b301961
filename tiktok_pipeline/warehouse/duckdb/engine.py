"""The engine on DuckDB: the operations that narwhals lacks, in DuckDB's own functions, over one connection.

Columns come from specs and are quoted; values reach SQL as parameters. Tables and slices do not belong here.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

import duckdb
import narwhals as nw

from tiktok_pipeline.missing_values import LONGEST_NULL_WORD, NULL_PATTERN, WHITE_SPACE
from tiktok_pipeline.warehouse.base import (
    CastType,
    FileFormat,
    ScannedFile,
)
from tiktok_pipeline.warehouse.duckdb.connection import connect, engine_error
from tiktok_pipeline.warehouse.duckdb.lists import has_key, items_of, links_of
from tiktok_pipeline.warehouse.duckdb.migrations import check_version
from tiktok_pipeline.warehouse.duckdb.nearest import around_query, parts_of, placed_query, rank_part
from tiktok_pipeline.warehouse.duckdb.scan import explain_read_error, file_query
from tiktok_pipeline.warehouse.duckdb.tables import SQL_TYPES, quoted, quoted_text

if TYPE_CHECKING:
    import pyarrow as pa

_WHITE_SPACE_SQL = " || ".join(f"chr({ord(character)})" for character in WHITE_SPACE)


class DuckDBEngine:
    """One DuckDB file, opened at first use and held until `close`; ``path=None`` keeps everything in memory."""

    def __init__(
        self, path: Path | None, *, lock_timeout_seconds: float, memory_limit: str | None, threads: int | None
    ) -> None:
        self._path = path
        self._lock_timeout_seconds = lock_timeout_seconds
        self._memory_limit = memory_limit
        self._threads = threads
        self._open: duckdb.DuckDBPyConnection | None = None
        self._persisted = 0
        self._connection_generation = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def connection_generation(self) -> int:
        """The number of times the connection was closed, with all its temporary tables."""
        return self._connection_generation

    @property
    def engine_address(self) -> str:
        """Empty: DuckDB is inside of this process."""
        return ""

    @property
    def engine_ui(self) -> str:
        """Empty: DuckDB has no pages."""
        return ""

    def scan(self, path: Path, file_format: FileFormat) -> ScannedFile:
        """Read a file lazily, all cells as text; see `tiktok_pipeline.warehouse.duckdb.scan`."""
        header, sql, parameters = file_query(self._connection, path, file_format)
        return ScannedFile(header=header, rows=self._lazy(sql, parameters))

    @contextlib.contextmanager
    def reading(self, path: Path) -> Iterator[None]:
        """Turn DuckDB's errors inside the block into an `UnreadableFileError` that names ``path``."""
        try:
            yield
        except duckdb.Error as error:
            raise explain_read_error(path, error) from error

    def try_cast(self, frame: nw.LazyFrame[Any], types: Mapping[str, CastType]) -> nw.LazyFrame[Any]:
        """Cast text columns; a cell that does not fit, NaN and infinity become NULL."""
        casts = []
        for name, type_ in types.items():
            cast = f"try_cast({quoted(name)} as {SQL_TYPES[type_]})"
            casts.append(
                f"case when isfinite({cast}) then {cast} end as {quoted(name)}"
                if type_ == "float"
                else f"{cast} as {quoted(name)}"
            )
        return self._project(frame, f"* replace ({', '.join(casts)})")

    def strip_and_nullify(
        self, frame: nw.LazyFrame[Any], columns: Mapping[str, str], *, missing: Mapping[str, str] | None = None
    ) -> nw.LazyFrame[Any]:
        """Add stripped texts; only a text that begins or ends with a character below "!" is stripped."""
        stripped, texts = [], []
        for new, name in columns.items():
            cell, text = quoted(name), quoted(new)
            edges = f"{cell} < '!' or {cell}[-1] < '!'"
            stripped.append(f"case when {edges} then trim({cell}, {_WHITE_SPACE_SQL}) else {cell} end as {text}")
            # A pattern, not a list: DuckDB turns a list into a join of all rows. Most texts are too long for a word.
            is_missing = _matches(text, (missing or {}).get(new, NULL_PATTERN))
            texts.append(
                f"case when length({text}) <= {LONGEST_NULL_WORD} and {is_missing} then null else {text} end"
            )
        # Two steps, because DuckDB compiles a pattern wherever it stands, which takes 2 ms.
        frame = self._project(frame, f"*, {', '.join(stripped)}")
        replaced = ", ".join(f"{text} as {quoted(new)}" for text, new in zip(texts, columns, strict=True))
        return self._project(frame, f"* replace ({replaced})")

    def to_json(self, frame: nw.LazyFrame[Any], name: str, cells: Mapping[str, str]) -> nw.LazyFrame[Any]:
        """Add a JSON object of the mapped columns without NULLs; NULL if nothing is left."""
        if not cells:
            return self._project(frame, f"*, null::varchar as {quoted(name)}")
        pairs = ", ".join(f"{quoted_text(key)}, {quoted(column)}" for key, column in cells.items())
        has_null = " or ".join(f"{quoted(column)} is null" for column in cells.values())
        # A merge patch drops NULLs, and takes three times as long as building the object.
        patched = f"nullif(json_merge_patch('{{}}', json_object({pairs}))::varchar, '{{}}')"
        return self._project(
            frame, f"*, case when {has_null} then {patched} else json_object({pairs})::varchar end as {quoted(name)}"
        )

    def sample_key(self, frame: nw.LazyFrame[Any], column: str) -> nw.LazyFrame[Any]:
        """Add ``sample_key``: the first 15 hexadecimal digits of the md5 of ``column``."""
        return self._project(frame, f"*, substring(md5({quoted(column)}), 1, 15) as sample_key")

    def bucket(self, frame: nw.LazyFrame[Any], column: str, name: str, *, buckets: int) -> nw.LazyFrame[Any]:
        """Add ``name``, by the engine's own hash: it takes a tenth of the time of md5."""
        return self._project(frame, f"*, (hash({quoted(column)}) % {buckets})::bigint as {quoted(name)}")

    def mark_repeated(self, frame: nw.LazyFrame[Any], column: str, *, among: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """Add ``is_repeated``, by the hashes that occur more than once: they take a fraction of the texts' memory."""
        name = quoted(column)
        counted = f"select hash({name}) as repeated from rows group by repeated having count(*) > 1"
        repeated = self.persist(self._query(among, counted)).to_native()
        joined = frame.to_native().join(repeated, f"hash({name}) = repeated", how="left")
        return self._project(
            nw.from_native(joined),
            f"* exclude (repeated), repeated is not null and {name} is not null as is_repeated",
        )

    def unnest_items(
        self,
        frame: nw.LazyFrame[Any],
        column: str,
        *,
        keys: Mapping[str, Sequence[str]],
        link_mark: str,
        among: nw.LazyFrame[Any] | None = None,
    ) -> nw.LazyFrame[Any]:
        """Replace a list in a text by one row for each item; see `tiktok_pipeline.warehouse.base.Engine`."""
        without_list = f"* exclude ({quoted(column)})"
        lists = frame if among is None else among
        if not lists.to_native().aggregate(f"coalesce(bool_or({has_key(column, keys)}), false)").fetchall()[0][0]:
            # Links alone: no struct is packed and unpacked for each item.
            identifier, *others = map(quoted, keys)
            no_values = "".join(f", null::varchar as {name}" for name in others)
            items = f"unnest({links_of(column, link_mark)}) as {identifier}"
            return self._project(self._project(frame, f"{without_list}, {items}"), f"*{no_values}")
        listed = self._project(frame, f"{without_list}, {items_of(column, keys, link_mark)} as items")
        unnested = self._project(listed, "* exclude (items), unnest(items) as item")
        fields = ", ".join(f"item.{quoted(name)} as {quoted(name)}" for name in keys)
        return self._project(unnested, f"* exclude (item), {fields}")

    def snowflake_time(self, frame: nw.LazyFrame[Any], column: str, name: str) -> nw.LazyFrame[Any]:
        """Add the time in the upper 32 bits of a 64-bit id."""
        # A cast accepts 7.2E+18, which has lost the last digits of the id.
        text = quoted(column)
        number = f"case when not regexp_matches({text}, '[^0-9]') then try_cast({text} as bigint) end"
        return self._project(frame, f"*, make_timestamp((({number}) >> 32) * 1000000) as {quoted(name)}")

    def salted_hash(self, frame: nw.LazyFrame[Any], columns: Sequence[str], salt: str) -> nw.LazyFrame[Any]:
        """Add ``<column>_hash``: the SHA-256 of ``salt`` and the text, the letters A to Z in lower case."""
        hashes = ", ".join(
            f"sha256({quoted_text(salt)} || translate({quoted(name)}, '{ascii_uppercase}', '{ascii_lowercase}')) "
            f"as {quoted(f'{name}_hash')}"
            for name in columns
        )
        return self._project(frame, f"*, {hashes}")

    def cells_of(self, frame: nw.LazyFrame[Any], columns: Sequence[str], *, index: str) -> nw.LazyFrame[Any]:
        """Return a row for each cell of text columns: ``index`` and ``cell``."""
        listed = ", ".join(map(quoted, columns))
        return self._project(frame, f"{quoted(index)}, unnest([{listed}]) as cell")

    def fingerprint(self, frame: nw.LazyFrame[Any]) -> str:
        """Return a hash of the rows in any order: their number, and the sum of their hashes."""
        names = ", ".join(quoted(name) for name in frame.collect_schema().names())
        hashed = frame.to_native().project(f"hash({names}) as hashed")
        rows, total = hashed.aggregate("count(*), coalesce(sum(hashed), 0)").fetchall()[0]
        return hashlib.sha256(f"{rows} {int(total)}".encode()).hexdigest()[:16]

    def rank_among_nearest(
        self, frame: nw.LazyFrame[Any], columns: Sequence[str], *, order_by: Sequence[str], reach: int, every: int
    ) -> nw.LazyFrame[Any]:
        """Rank values in a window of rows, so many rows at once that memory stays bounded."""
        placed = self.persist(self._query(frame, placed_query(order_by)))
        ranked: nw.LazyFrame[Any] | None = None
        for part in parts_of(int(placed.to_native().aggregate("count(*)").fetchall()[0][0])):
            around = self._query(placed, around_query(part, reach=reach)).to_native().to_arrow_table()
            rows = rank_part(around, columns, near=order_by[0], reach=reach, every=every, part=part)
            if ranked is None:
                ranked = self.persist(rows)
            else:
                self._run(f"insert into temp.persisted_{self._persisted} by name select * from rows", rows=rows)
        return cast("nw.LazyFrame[Any]", ranked)

    def quantiles(
        self, frame: nw.LazyFrame[Any], columns: Sequence[str], shares: Mapping[str, float], *, by: str
    ) -> nw.LazyFrame[Any]:
        """Return quantiles by group; one list for each column, because several quantiles share its one sort."""
        lists = ", ".join(
            f"quantile_cont({quoted(name)}::double, {list(shares.values())}) as {quoted(name)}" for name in columns
        )
        items = ", ".join(
            f"{quoted(name)}[{position}] as {quoted(f'{name}_{share}')}"
            for name in columns
            for position, share in enumerate(shares, start=1)
        )
        return self._project(
            self._query(frame, f"select {quoted(by)}, {lists} from rows group by all"), f"{quoted(by)}, {items}"
        )

    def persist(self, frame: nw.LazyFrame[Any] | pa.Table, *, keep_until_close: bool = False) -> nw.LazyFrame[Any]:
        """Compute ``frame`` once into a temporary table, which spills to disk if memory is short."""
        self._persisted += 1
        table = f"{'kept' if keep_until_close else 'persisted'}_{self._persisted}"
        rows = frame.to_native() if isinstance(frame, nw.LazyFrame) else frame
        self._run(f"create temp table {table} as select * from rows", rows=rows)
        return self._lazy(f"select * from temp.{table}", [])

    def where(self, frame: nw.LazyFrame[Any], condition: nw.Expr) -> nw.LazyFrame[Any]:
        """Return the rows for which ``condition`` holds, lazily."""
        return frame.filter(condition)

    def read_parquet(self, folder: Path) -> nw.LazyFrame[Any]:
        """Return the rows of the Parquet files in a folder, lazily."""
        files = sorted(map(str, folder.glob("*.parquet")))
        return self._lazy("select * from read_parquet(?, hive_partitioning=false)", [files])

    def unpersist_all(self) -> None:
        """Drop the temporary tables of `persist`, which hold memory and disk until then."""
        for number in range(1, self._persisted + 1):
            self._run(f"drop table if exists temp.persisted_{number}")

    def close(self) -> None:
        """Close the connection and release the file; safe to call twice."""
        if self._open is not None:
            self._open.close()
            self._open = None
            self._connection_generation += 1

    @property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        if self._open is None:
            self._open = connect(
                self._path,
                timeout_seconds=self._lock_timeout_seconds,
                memory_limit=self._memory_limit,
                threads=self._threads,
            )
            try:
                check_version(self._open, self._path)
            except BaseException as error:
                self.close()
                if isinstance(error, duckdb.Error) and self._path is not None:
                    raise engine_error(self._path, error) from error
                raise
        return self._open

    def _lazy(self, sql: str, parameters: Sequence[Any]) -> nw.LazyFrame[Any]:
        return nw.from_native(self._connection.sql(sql, params=list(parameters)))

    def _project(self, frame: nw.LazyFrame[Any], columns: str) -> nw.LazyFrame[Any]:
        projected: nw.LazyFrame[Any] = nw.from_native(frame.to_native().project(columns))
        return projected

    @staticmethod
    def _query(frame: nw.LazyFrame[Any], sql: str) -> nw.LazyFrame[Any]:
        """Run SQL over a frame, which it names ``rows``."""
        found: nw.LazyFrame[Any] = nw.from_native(frame.to_native().query("rows", sql))
        return found

    def _run(self, sql: str, parameters: Sequence[Any] = (), rows: Any = None) -> None:  # noqa: ANN401, ARG002
        """Run a statement; DuckDB finds ``rows`` (a relation, a frame, an Arrow table) by its name in this call."""
        self._connection.execute(sql, list(parameters))


def _matches(text: str, missing: str) -> str:
    """Return the SQL that tests whether a text is empty or matches ``missing`` as a whole."""
    return f"regexp_matches({text}, {quoted_text(f'^({missing})?$')})"
