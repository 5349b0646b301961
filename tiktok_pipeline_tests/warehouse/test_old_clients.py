"""The published file answers to the older DuckDB clients that analysts and BI tools have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tiktok_pipeline.warehouse.duckdb.connection import query
from tiktok_pipeline_tests.homes import Home

pytestmark = pytest.mark.slow

# DuckDB 1.2 has no wheels for Python 3.14.
VERSIONS = ["1.5.*"] if sys.version_info >= (3, 14) else ["1.2.*", "1.5.*"]

READ_ALL = """
import json, sys
import duckdb

connection = duckdb.connect(sys.argv[1], read_only=True)
tables = connection.execute("select schema_name || '.' || table_name, kind from meta.tables order by 1").fetchall()
rows = {name: len(connection.execute(f"select * from {name}").fetchall()) for name, _ in tables}
comments = connection.execute(
    "select count(comment) from duckdb_columns() where schema_name = 'segments'"
).fetchall()[0][0]
print(json.dumps({"version": duckdb.__version__, "rows": rows, "comments": comments}))
"""


@pytest.fixture(scope="session", params=VERSIONS)
def old_client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A folder with an older DuckDB; the test is skipped only where pip cannot install it, never in CI."""
    version = str(request.param)
    folder = tmp_path_factory.mktemp("duckdb")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--target", str(folder), f"duckdb=={version}"]
    installed = subprocess.run(command, capture_output=True, text=True, check=False)
    if installed.returncode and not os.environ.get("CI"):
        pytest.skip(f"pip cannot install duckdb {version}: {installed.stderr[-300:]}")
    assert installed.returncode == 0, installed.stderr
    return version.removesuffix("*"), folder


def test_an_older_client_reads_every_table_and_view(old_client: tuple[str, Path], refreshed_home: Home) -> None:
    version, folder = old_client
    published = refreshed_home.settings.published_file
    answered = subprocess.run(
        [sys.executable, "-c", READ_ALL, str(published)],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answered.returncode == 0, answered.stderr
    answer: dict[str, Any] = json.loads(answered.stdout)
    assert answer["version"].startswith(version)
    present = query(published, "select schema_name || '.' || table_name from meta.tables")[1]
    expected = {name: query(published, f"select count(*) from {name}")[1][0][0] for (name,) in present}
    assert answer["rows"] == expected
    assert {name: rows for name, rows in expected.items() if name.startswith("segments.")}
    assert answer["comments"] > 0
