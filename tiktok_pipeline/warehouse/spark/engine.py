"""The engine on Spark Connect: the operations that narwhals lacks, in Spark's own functions, over one session.

Files are read by DuckDB, which knows every odd spelling of a delivery, and handed over as Parquet. What is persisted
is Parquet, too: Spark plans a frame again for each use, and the plan of a long chain takes longer than its rows.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import narwhals as nw

from tiktok_pipeline.missing_values import NULL_PATTERN
from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.warehouse.base import CastType, FileFormat, ScannedFile
from tiktok_pipeline.warehouse.duckdb.engine import DuckDBEngine
from tiktok_pipeline.warehouse.spark import dialect
from tiktok_pipeline.warehouse.spark.client import complete_client
from tiktok_pipeline.warehouse.spark.errors import EngineError
from tiktok_pipeline.warehouse.spark.session import Session, open_session
from tiktok_pipeline.warehouse.spark.staging import Staging

if TYPE_CHECKING:
    import pyarrow as pa

Rows = nw.LazyFrame[Any]
_PROBE = "probe"


class SparkEngine:
    """One session, opened at first use and held until `close`.

    Parameters
    ----------
    engine : str
        As for `tiktok_pipeline.warehouse.spark.session.open_session`.
    files : DuckDBEngine
        Reads the delivered files.
    beside : Path, optional
        The file beside which the temporary folder is made; the server must see it by the same path. None makes it in
        the temporary folder of the system.
    """

    def __init__(self, engine: str, files: DuckDBEngine, beside: Path | None) -> None:
        self._engine = engine
        self._files = files
        self._staging = Staging(beside)
        self._open: Session | None = None
        self._persisted: list[Path] = []
        self._scanned: dict[tuple[Path, int, int], ScannedFile] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def engine_address(self) -> str:
        """The address of the server; the session is opened for it."""
        return self._session.address

    @property
    def engine_ui(self) -> str:
        """The address of Spark's own pages, if this process started it."""
        return self._session.ui

    @property
    def connection_generation(self) -> int:
        """The number of times the connection was closed."""
        return self._files.connection_generation

    def scan(self, path: Path, file_format: FileFormat) -> ScannedFile:
        """Read a file with DuckDB into Parquet, once for each state of the file."""
        status = path.stat()
        key = (path, status.st_mtime_ns, status.st_size)
        if key not in self._scanned:
            with self._files.reading(path):
                scanned = self._files.scan(path, file_format)
                rows = self._hand_over(scanned.rows)
            self._scanned[key] = ScannedFile(header=scanned.header, rows=rows)
        return self._scanned[key]

    def reading(self, path: Path) -> contextlib.AbstractContextManager[None]:
        """Turn DuckDB's errors inside the block into an `UnreadableFileError` that names ``path``."""
        return self._files.reading(path)

    def try_cast(self, frame: Rows, types: Mapping[str, CastType]) -> Rows:
        """Cast text columns; a cell that does not fit, NaN and infinity become NULL."""
        f = self._functions
        return _with(frame, {name: dialect.try_cast(f, f.col(name), type_) for name, type_ in types.items()})

    def strip_and_nullify(
        self, frame: Rows, columns: Mapping[str, str], *, missing: Mapping[str, str] | None = None
    ) -> Rows:
        """Add stripped texts; only a text that begins or ends with a character below "!" is stripped."""
        f = self._functions
        words = {new: (missing or {}).get(new, NULL_PATTERN) for new in columns}
        return _with(
            frame, {new: dialect.strip_and_nullify(f, f.col(name), words[new]) for new, name in columns.items()}
        )

    def to_json(self, frame: Rows, name: str, cells: Mapping[str, str]) -> Rows:
        """Add a JSON object of the mapped columns without NULLs; NULL if nothing is left."""
        return _with(frame, {name: dialect.to_json(self._functions, cells)})

    def sample_key(self, frame: Rows, column: str) -> Rows:
        """Add ``sample_key``: the first 15 hexadecimal digits of the md5 of ``column``."""
        f = self._functions
        return _with(frame, {"sample_key": f.substring(f.md5(f.col(column)), 1, 15)})

    def bucket(self, frame: Rows, column: str, name: str, *, buckets: int) -> Rows:
        """Add ``name``, by the engine's own hash."""
        f = self._functions
        return _with(frame, {name: f.pmod(f.xxhash64(f.col(column)), f.lit(buckets)).cast("bigint")})

    def mark_repeated(self, frame: Rows, column: str, *, among: Rows) -> Rows:
        """Add ``is_repeated``, by the hashes that occur more than once."""
        f = self._functions
        known = among.to_native().where(f.col(column).isNotNull())
        # Persisted, because Sail cannot group by a column that it finds to be constant.
        hashes = self.persist(_frame(known.select(f.xxhash64(f.col(column)).alias("repeated")))).to_native()
        counted = hashes.groupBy("repeated").agg(f.count("*").alias("rows")).where(f.col("rows") > 1)
        repeated = self.persist(_frame(counted.select("repeated"))).to_native()
        hashed = frame.to_native().withColumn("hash_of_value", f.xxhash64(f.col(column)))
        joined = hashed.join(repeated, hashed["hash_of_value"] == repeated["repeated"], how="left")
        is_repeated = f.col("repeated").isNotNull() & f.col(column).isNotNull()
        return _frame(joined.withColumn("is_repeated", is_repeated).drop("repeated", "hash_of_value"))

    def unnest_items(
        self,
        frame: Rows,
        column: str,
        *,
        keys: Mapping[str, Sequence[str]],
        link_mark: str,
        among: Rows | None = None,
    ) -> Rows:
        """Replace a list in a text by one row for each item; see `tiktok_pipeline.warehouse.base.Engine`."""
        f = self._functions
        text = f.col(column)
        names = [name for name in frame.collect_schema().names() if name != column]
        lists = (frame if among is None else among).to_native()
        if not lists.where(dialect.has_key(f, text, keys)).limit(1).count():
            identifier, *others = keys
            links = f.explode(dialect.links_of(f, text, link_mark)).alias(identifier)
            unnested = frame.to_native().select(*names, links)
            return _with(_frame(unnested), {name: f.lit(None).cast("string") for name in others})
        items = f.explode(dialect.items_of(f, text, keys, link_mark)).alias("item")
        fields = [f.col("item")[name].alias(name) for name in keys]
        return _frame(frame.to_native().select(*names, items).select(*names, *fields))

    def snowflake_time(self, frame: Rows, column: str, name: str) -> Rows:
        """Add the time in the upper 32 bits of a 64-bit id."""
        f = self._functions
        return _with(frame, {name: dialect.snowflake_time(f, f.col(column))})

    def salted_hash(self, frame: Rows, columns: Sequence[str], salt: str) -> Rows:
        """Add ``<column>_hash``: the SHA-256 of ``salt`` and the text, the letters A to Z in lower case."""
        f = self._functions
        return _with(frame, {f"{name}_hash": dialect.lowered_hash(f, f.col(name), salt) for name in columns})

    def cells_of(self, frame: Rows, columns: Sequence[str], *, index: str) -> Rows:
        """Return a row for each cell of text columns: ``index`` and ``cell``."""
        f = self._functions
        cells = f.explode(f.array(*map(f.col, columns))).alias("cell")
        return _frame(frame.to_native().select(index, cells))

    def fingerprint(self, frame: Rows) -> str:
        """Return the hash of the rows that DuckDB gives, so that a home may change its engine."""
        folder = self._write(frame)
        try:
            return self._files.fingerprint(self._files.read_parquet(folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def rank_among_nearest(
        self, frame: Rows, columns: Sequence[str], *, order_by: Sequence[str], reach: int, every: int
    ) -> Rows:
        """Rank values in a window of rows: NumPy ranks a part of them at a time, so that memory stays bounded."""
        import pyarrow.parquet as pq  # noqa: PLC0415
        from pyspark.sql.connect.window import Window  # noqa: PLC0415

        from tiktok_pipeline.warehouse.duckdb.nearest import parts_of, rank_part  # noqa: PLC0415

        f = self._functions
        in_order = Window.partitionBy(f.lit(1)).orderBy(*map(f.col, order_by))
        place = f.row_number().over(in_order).cast("bigint") - f.lit(1)
        placed = self.persist(_with(frame, {"place": place})).to_native()
        folder = self._new_folder("persisted")
        for number, part in enumerate(parts_of(placed.count())):
            first, end = part
            near = (f.col("place") >= first - 2 * reach) & (f.col("place") < end + 2 * reach)
            around = placed.where(near).sort("place").toArrow()
            ranked = rank_part(around, columns, near=order_by[0], reach=reach, every=every, part=part)
            pq.write_table(ranked, folder / f"{number:06}.parquet")
        return self._read(folder)

    def quantiles(self, frame: Rows, columns: Sequence[str], shares: Mapping[str, float], *, by: str) -> Rows:
        """Return quantiles by group; one list for each column, because several quantiles share its one sort."""
        f = self._functions
        lists = [f.percentile(f.col(name).cast("double"), list(shares.values())).alias(name) for name in columns]
        items = [
            f.col(name).getItem(position).alias(f"{name}_{share}")
            for name in columns
            for position, share in enumerate(shares)
        ]
        return _frame(frame.to_native().groupBy(by).agg(*lists).select(by, *items))

    def persist(self, frame: Rows | pa.Table, *, keep_until_close: bool = False) -> Rows:
        """Compute ``frame`` once, in the engine, into Parquet files."""
        if not isinstance(frame, nw.LazyFrame):
            return self._read(self._write_arrow(frame, keep_until_close=keep_until_close))
        return self._read(self._write(frame, keep_until_close=keep_until_close))

    def where(self, frame: Rows, condition: nw.Expr) -> Rows:
        """Persist all rows, then return those for which ``condition`` holds.

        Sail puts the expression of a column in the place of its name in a filter, and again in that expression: the
        rules of a profile take minutes to plan.
        """
        return self.persist(frame).filter(condition)

    def unpersist_all(self) -> None:
        """Remove the files of `persist` that are not kept until `close`; reading them is an error from then on."""
        for folder in self._persisted:
            _remove(folder)
        self._persisted.clear()

    def close(self) -> None:
        """End the session and remove the temporary folder; safe to call twice."""
        self._persisted.clear()
        self._scanned.clear()
        session, self._open = self._open, None
        try:
            if session is not None:
                session.close()
        finally:
            self._staging.remove()
            self._files.close()

    @property
    def _session(self) -> Session:
        if self._open is None:
            self._open = open_session(self._engine)
            complete_client()
            self._check_shared(self._open)
        return self._open

    @property
    def _functions(self) -> Any:  # noqa: ANN401 - a module
        from pyspark.sql.connect import functions  # noqa: PLC0415

        return functions

    def _check_shared(self, session: Session) -> None:
        """Check that the server reads what this process writes: it returns no rows for a folder that it lacks."""
        import pyarrow as pa  # noqa: PLC0415

        folder = self._write_arrow(pa.table({_PROBE: [1]}))
        try:
            shared = session.spark.read.parquet(str(folder)).count() == 1
        except Exception as error:  # noqa: BLE001 - the client raises errors of several libraries
            shared, reason = False, f" ({one_line(str(error))[:160]})"
        else:
            reason = ""
        if not shared:
            self.close()
            raise EngineError(
                f"{session.address}: the server cannot read {folder.parent}{reason}",
                remedy="start it on this machine, or mount the home there at the same path",
            )

    def _hand_over(self, rows: Rows) -> Rows:
        """Return a frame of DuckDB as one of Spark."""
        folder = self._new_folder("kept", keep_until_close=True)
        rows.to_native().write_parquet(str(folder / "0.parquet"))
        return self._read(folder)

    def _write_arrow(self, table: pa.Table, *, keep_until_close: bool = False) -> Path:
        import pyarrow.parquet as pq  # noqa: PLC0415

        folder = self._new_folder("kept" if keep_until_close else "persisted", keep_until_close=keep_until_close)
        pq.write_table(table, folder / "0.parquet")
        return folder

    def _write(self, frame: Rows, *, keep_until_close: bool = False) -> Path:
        """Let the engine write a frame, and return the folder; it holds at least one file."""
        folder = self._new_folder("kept" if keep_until_close else "persisted", keep_until_close=keep_until_close)
        native = frame.to_native()
        native.write.mode("overwrite").parquet(str(folder))
        if not any(folder.glob("*.parquet")):
            # Nothing is written for no rows, and a folder without files has no columns.
            import pyarrow.parquet as pq  # noqa: PLC0415

            folder.mkdir(exist_ok=True)
            pq.write_table(native.limit(0).toArrow(), folder / "0.parquet")
        return folder

    def _new_folder(self, name: str, *, keep_until_close: bool = False) -> Path:
        folder = self._staging.new_folder(name)
        if not keep_until_close:
            self._persisted.append(folder)
        return folder

    def _read(self, folder: Path) -> Rows:
        return _frame(self._session.spark.read.parquet(str(folder)))


def _with(frame: Rows, columns: Mapping[str, dialect.Column]) -> Rows:
    """Add columns, or replace those of the same name in their place."""
    return _frame(frame.to_native().withColumns(dict(columns)))


def _frame(native: Any) -> Rows:  # noqa: ANN401 - a DataFrame of pyspark
    rows: Rows = nw.from_native(native)
    return rows


def _remove(folder: Path) -> None:
    """Remove the files of a folder. One that is no Parquet stays: Sail reads a folder without files as no rows."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    (folder / "removed.parquet").write_text("removed", encoding="ascii")
