"""The version of everything that a table is computed by: this program's files, its libraries, a study, the settings.

A table whose version is the present one need not be computed again from the same delivery. The version is a hash of
the files, because a checkout changes without a new version number.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LIBRARIES = (
    "dagster",
    "duckdb",
    "kneed",
    "matplotlib",
    "narwhals",
    "numpy",
    "pandas",
    "pandera",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "torch",
)
"""The libraries whose version may change a table, a figure or the report."""

WITHOUT_FIGURES = "-without-figures"


@cache
def program_version(package: Path = Path(__file__).parent) -> str:
    """Return a short hash of the program's files and of the versions of its libraries.

    Parameters
    ----------
    package : Path
        The folder of the program.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for file in sorted(path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(package)} {len(content)}\n".encode())
        digest.update(content)
    for library in LIBRARIES:
        digest.update(f"{library} {_library_version(library)}\n".encode())
    return digest.hexdigest()[:16]


def computed_by(*, study_version: str = "", has_figures: bool = True) -> str:
    """Return the version of what computes a table.

    Parameters
    ----------
    study_version : str
        The version of the study that the table belongs to; empty for a table that all studies share.
    has_figures : bool
        Whether figures are drawn with the tables.
    """
    study = f"-{study_version}" if study_version else ""
    return f"{program_version()}{study}{'' if has_figures else WITHOUT_FIGURES}"


def _library_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
