"""A session with an engine that speaks Spark Connect: one that this process starts, or a server at an address.

This module imports neither pyspark nor pysail before a session is opened. Frames and tables do not belong here.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.warehouse.spark.errors import EngineError
from tiktok_pipeline.warehouse.spark.servers import SAIL, SETTING, Server, check_port, start_server

_CLIENT = {"pyspark": "pyspark-client", "grpc_status": "grpcio-status"}
"""The packages of the client, by the module that each of them brings."""


@dataclass(frozen=True)
class Session:
    """An open session.

    Attributes
    ----------
    spark : SparkSession
        The session of the client.
    address : str
        Where the server listens, ``sc://host:port``, or the master and the id of the application that was started.
    ui : str
        The address of the engine's own pages; empty if it has none, or if this process did not start it.
    """

    spark: Any
    address: str
    ui: str = ""

    def close(self) -> None:
        """Release what the server keeps for the session. A server that was started ends with this process."""
        with _quiet_client():
            self.spark.stop()


def check_installed(engine: str) -> None:
    """Check that the packages of an engine are installed.

    Raises
    ------
    EngineError
        If one is missing.
    """
    if engine == SAIL:
        extra, packages = "sail", {"pysail": "pysail"} | _CLIENT
    else:
        # Only the whole of Spark brings py4j.
        extra, packages = "spark", _CLIENT if _is_address(engine) else {"py4j": "pyspark"} | _CLIENT
    missing = [package for module, package in packages.items() if find_spec(module) is None]
    if missing:
        instead = "pip uninstall pyspark-client; " if "pyspark" in missing and _is_installed("pyspark-client") else ""
        install = f"{instead}pip install 'tiktok-pipeline[{extra}]'"
        raise EngineError(
            f"{SETTING}={engine}: not installed: {', '.join(missing)}",
            remedy=f"install the extra `{extra}`: {install}; or unset {SETTING}",
        )


def open_session(engine: str) -> Session:
    """Open a session.

    Parameters
    ----------
    engine : str
        ``sail``, ``spark``, ``local[N]``, ``spark://host:port``, or the address of a server.

    Raises
    ------
    EngineError
        If the engine is not installed, cannot be reached, or is of another version than the client.
    """
    check_installed(engine)
    with _named_main_module():
        server = Server(engine, engine, {}) if _is_address(engine) else start_server(engine)
    address = server.name
    check_port(server.url.partition("/;")[0])
    with _quiet_client(), _named_main_module():
        from pyspark.sql.connect.client import DefaultChannelBuilder  # noqa: PLC0415
        from pyspark.sql.connect.client.retries import DefaultPolicy  # noqa: PLC0415
        from pyspark.sql.connect.session import SparkSession  # noqa: PLC0415

        logging.getLogger("pyspark.sql.connect.logging").setLevel(
            logging.CRITICAL
        )  # the errors that are raised say it
        try:
            # The default policy goes on for ten minutes before it says that nobody answers.
            spark = SparkSession(DefaultChannelBuilder(server.url))
            spark.client.set_retry_policies([DefaultPolicy(max_retries=2)])
            server_version = str(spark.version)
        except Exception as error:  # the client raises errors of several libraries
            raise EngineError(
                f"{address}: no Spark Connect server answers there ({one_line(str(error))[:160]})",
                remedy=f"start one, or correct {SETTING}, such as sc://127.0.0.1:50051",
            ) from error
        _check_version(address, server_version)
        for name, value in (server.settings | {"spark.sql.session.timeZone": "UTC"}).items():
            spark.conf.set(name, value)
    warnings.filterwarnings("ignore", message=r"\[RETRIES_EXCEEDED\]")  # so does an error
    return Session(spark, address, server.ui)


def _is_address(engine: str) -> bool:
    return engine.startswith("sc://")


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
