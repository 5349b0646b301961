"""Gives narwhals and Spark's client what they lack, or what would not be the same with Sail, Spark and DuckDB."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, NoReturn

import duckdb

from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.warehouse.spark import dialect
from tiktok_pipeline.warehouse.spark.errors import EngineError
from tiktok_pipeline.warehouse.spark.patterns import portable
from tiktok_pipeline.warehouse.spark.servers import SETTING, error_of_workers

if TYPE_CHECKING:
    import pandas as pd


def complete_client() -> None:
    """Give narwhals the expressions that it lacks on Spark, or that fail there, and pandas the types of DuckDB.

    The errors of the client become an `EngineError`.
    """
    import narwhals._spark_like.expr as expressions  # noqa: PLC0415
    import narwhals._spark_like.expr_dt as times  # noqa: PLC0415
    import narwhals._spark_like.expr_str as texts  # noqa: PLC0415
    from pyspark.sql.connect.client.core import SparkConnectClient  # noqa: PLC0415
    from pyspark.sql.connect.dataframe import DataFrame  # noqa: PLC0415

    if not hasattr(expressions, "true_divide"):
        raise EngineError(
            "this version of narwhals divides on Spark in a way that is not known to this program",
            remedy="install the version of narwhals that constraints.txt names",
        )
    expressions.true_divide = dialect.true_divide
    for name, units in {"total_seconds": _whole_units(1), "total_minutes": _whole_units(60)}.items():
        setattr(times.SparkLikeExprDateTimeNamespace, name, units)
    for name, operation in {"contains": _contains, "replace_all": _replace_all}.items():
        setattr(texts.SparkLikeExprStringNamespace, name, operation)
    DataFrame.toPandas = _to_pandas
    if not hasattr(SparkConnectClient._handle_error, "__wrapped__"):
        SparkConnectClient._handle_error = _explaining(SparkConnectClient._handle_error)


def _explaining(handle: Callable[[Any, Exception], NoReturn]) -> Callable[[Any, Exception], NoReturn]:
    """Wrap what the client does with an error: whatever it raises is explained."""

    @wraps(handle)
    def handle_and_explain(client: Any, error: Exception) -> NoReturn:  # noqa: ANN401 - a class of pyspark
        try:
            handle(client, error)
        except Exception as raised:
            raise explain(raised, is_gone=_is_gone(error)) from raised

    return handle_and_explain


def _is_gone(error: Exception) -> bool:
    """Return whether nobody answers: the error of a call has a code, that of several calls says so in its text."""
    code = getattr(error, "code", None)
    name = getattr(code(), "name", "") if callable(code) else ""
    return name == "UNAVAILABLE" or "RETRIES_EXCEEDED" in str(error)


def explain(error: Exception, *, is_gone: bool = False) -> EngineError:
    """Return the expected error for one of Spark's client: a query failed, or the server ``is_gone``.

    Examples
    --------
    >>> print(explain(ConnectionError("no socket")))
    the engine could not compute it: no socket; run the same command again, or without TIKTOK_PIPELINE_ENGINE
    """
    if isinstance(error, EngineError):
        return error
    if ended := error_of_workers():
        return ended
    if is_gone:
        return EngineError(
            "the engine does not answer any more: it was ended, or had too little memory",
            remedy=f"run the same command again, with more memory for the engine or without {SETTING}",
        )
    return EngineError(
        f"the engine could not compute it: {one_line(str(error), max_characters=300)}",
        remedy=f"run the same command again, or without {SETTING}",
    )


def _whole_units(seconds: int) -> Callable[[Any], Any]:
    def total(namespace: Any) -> Any:  # noqa: ANN401 - classes of narwhals that are not public
        compliant = namespace.compliant
        return compliant._with_elementwise(
            lambda duration: dialect.total_units(compliant._F, duration, seconds=seconds)
        )

    return total


def _contains(namespace: Any, pattern: Any, *, literal: bool) -> Any:  # noqa: ANN401 - as above
    f = namespace.compliant._F

    def contains(text: Any, pattern: Any) -> Any:  # noqa: ANN401 - columns
        return f.contains(text, pattern) if literal else text.rlike(portable(_literal_of(pattern)))

    return namespace.compliant._with_elementwise(contains, expression_args={"pattern": pattern})


def _replace_all(namespace: Any, value: Any, pattern: str, *, literal: bool) -> Any:  # noqa: ANN401 - as above
    f = namespace.compliant._F

    def replaced(text: Any, value: Any) -> Any:  # noqa: ANN401 - columns
        if literal:
            return f.replace(text, f.lit(pattern), value)
        return f.regexp_replace(text, f.lit(portable(pattern)), dialect.replacement(f, _literal_of(value)))

    return namespace.compliant._with_elementwise(replaced, expression_args={"value": value})


def _literal_of(column: Any) -> str:  # noqa: ANN401 - a column
    """Return the text of a column that is a literal, as every pattern and replacement of this program is."""
    text: str = column._expr._value
    return text


def _to_pandas(native: Any) -> pd.DataFrame:  # noqa: ANN401 - a DataFrame of pyspark
    """Return a small frame with the types that DuckDB gives it: whole numbers stay whole beside a missing one."""
    with duckdb.connect() as connection:
        frame: pd.DataFrame = connection.from_arrow(native.toArrow()).df()
        return frame
