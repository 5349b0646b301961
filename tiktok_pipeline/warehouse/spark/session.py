"""A session with an engine that speaks Spark Connect: Sail in this process, or a server at an address.

This module imports neither pyspark nor pysail before a session is opened. Frames and tables do not belong here.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.warehouse.base import WarehouseError

SAIL = "sail"
"""The engine that runs in this process; any other one is an address, ``sc://host:port``."""

SETTING = "TIKTOK_PIPELINE_ENGINE"
_CONNECT_SECONDS = 10.0
_PACKAGES = {"pyspark": "pyspark-client", "grpc_status": "grpcio-status"}
"""The packages of the client, by the module that each of them brings."""


class EngineError(WarehouseError):
    """The engine is not installed, cannot be reached, or is of another version than its client."""

    code = "engine"


@dataclass(frozen=True)
class Session:
    """An open session.

    Attributes
    ----------
    spark : SparkSession
        The session of the client.
    address : str
        Where the server listens, ``sc://host:port``.
    """

    spark: Any
    address: str

    def close(self) -> None:
        """Release what the server keeps for the session. Sail itself ends with this process."""
        with _quiet_client():
            self.spark.stop()


def check_installed(engine: str) -> None:
    """Check that the packages of an engine are installed.

    Raises
    ------
    EngineError
        If one is missing.
    """
    packages = {"pysail": "pysail"} | _PACKAGES if engine == SAIL else _PACKAGES
    missing = [package for module, package in packages.items() if find_spec(module) is None]
    if missing:
        extra = "sail" if engine == SAIL else "spark"
        raise EngineError(
            f"{SETTING}={engine}: not installed: {', '.join(missing)}",
            remedy=f"install the extra `{extra}`: pip install 'tiktok-pipeline[{extra}]'; or unset {SETTING}",
        )


def open_session(engine: str) -> Session:
    """Open a session.

    Parameters
    ----------
    engine : str
        ``sail``, or the address of a server.

    Raises
    ------
    EngineError
        If the engine is not installed, cannot be reached, or is of another version than the client.
    """
    check_installed(engine)
    address = _start_sail() if engine == SAIL else engine
    _check_port(address)
    with _quiet_client(), _named_main_module():
        from pyspark.sql.connect.client import DefaultChannelBuilder  # noqa: PLC0415
        from pyspark.sql.connect.client.retries import DefaultPolicy  # noqa: PLC0415
        from pyspark.sql.connect.session import SparkSession  # noqa: PLC0415

        logging.getLogger("pyspark.sql.connect.logging").setLevel(
            logging.CRITICAL
        )  # the errors that are raised say it
        try:
            # The default policy goes on for ten minutes before it says that nobody answers.
            spark = SparkSession(DefaultChannelBuilder(address))
            spark.client.set_retry_policies([DefaultPolicy(max_retries=2)])
            _check_version(address, str(spark.version))
            spark.conf.set("spark.sql.session.timeZone", "UTC")
        except EngineError:
            raise
        except Exception as error:  # the client raises errors of several libraries
            raise EngineError(
                f"{address}: no Spark Connect server answers there ({one_line(str(error))[:160]})",
                remedy=f"start one, or correct {SETTING}, such as sc://127.0.0.1:50051",
            ) from error
    warnings.filterwarnings("ignore", message=r"\[RETRIES_EXCEEDED\]")  # so does an error
    return Session(spark, address)


def is_engine_error(error: BaseException) -> bool:
    """Return whether Spark's client raised an error: for a query, or because the server is gone."""
    return type(error).__module__.partition(".")[0] in ("pyspark", "grpc")


def explain_engine_error(error: BaseException) -> EngineError | None:
    """Return the expected error for one of Spark's client; None for any other error."""
    if not is_engine_error(error):
        return None
    return EngineError(
        f"the engine could not compute it: {one_line(str(error), max_characters=300)}",
        remedy=f"run the same command again, or without {SETTING}",
    )


@cache
def _start_sail() -> str:
    """Start Sail in this process, on a free port of the loopback interface, and return its address."""
    os.environ.setdefault("RUST_LOG", "error")  # else it prints on stderr that it starts and stops
    from pysail.spark import SparkConnectServer  # noqa: PLC0415

    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    _SERVERS.append(server)
    host, port = server.listening_address
    return f"sc://{host}:{port}"


_SERVERS: list[Any] = []
"""Keeps the server: it stops when Python forgets it."""


def _check_port(address: str) -> None:
    """Check that something listens: the client itself would try for minutes."""
    try:
        parts = urlsplit(address)
        with socket.create_connection((parts.hostname or "", parts.port or 15002), timeout=_CONNECT_SECONDS):
            pass
    except (OSError, ValueError) as error:
        raise EngineError(
            f"{address}: cannot be reached ({one_line(str(error))})",
            remedy=f"start the server there, or correct {SETTING}, such as sc://127.0.0.1:50051",
        ) from error


def _check_version(address: str, server: str) -> None:
    client = version("pyspark-client") if _is_installed("pyspark-client") else version("pyspark")
    if server.split(".")[:2] != client.split(".")[:2]:
        raise EngineError(
            f"{address}: the server is Spark {one_line(server)}, the client of this program is {client}",
            remedy=f"start a server of Spark {'.'.join(client.split('.')[:2])}",
        )


def _is_installed(package: str) -> bool:
    from importlib.metadata import PackageNotFoundError, distribution  # noqa: PLC0415

    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


@contextmanager
def _named_main_module() -> Iterator[None]:
    """Give the main module a file while the client is imported.

    Without one, as under ``python -c``, the client takes the program for its doctests and ends the process.
    """
    main: Any = sys.modules["__main__"]
    if hasattr(main, "__file__"):
        yield
        return
    main.__file__ = "tiktok_pipeline"
    try:
        yield
    finally:
        del main.__file__


@contextmanager
def _quiet_client() -> Iterator[None]:
    """Suppress the client's warnings: of the version of pandas, and of errors that are raised anyway."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
