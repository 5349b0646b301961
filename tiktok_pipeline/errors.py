"""The base of every error whose text is written for the person who asked.

Any other exception is a defect of this program or a broken machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

OS_ERROR_CODE = "os_error"
"""The code of an `OSError`: a file or a disk that cannot be read or written."""

FREE_SPACE = "free some space and run the same command again"
"""What to do about a full disk."""


class PipelineError(Exception):
    """An expected error: its text names the file, row or setting, what was expected, and what to do.

    Parameters
    ----------
    message : str
        What is wrong, in one line.
    remedy : str, optional
        What to do about it; appended to the text.
    details : sequence of str, optional
        More lines for a terminal, such as the hint of a query engine; not part of the text.

    Attributes
    ----------
    code : str
        A stable name for the error, for programs that read JSON output.
    is_usage_error : bool
        True for a wrong argument (exit code 2), False for work that failed (exit code 1).

    Examples
    --------
    >>> str(PipelineError("scrape.csv: the file is empty", remedy="export it again"))
    'scrape.csv: the file is empty; export it again'
    """

    code: ClassVar[str] = "pipeline_error"
    is_usage_error: ClassVar[bool] = False

    def __init__(self, message: str, *, remedy: str | None = None, details: Sequence[str] = ()) -> None:
        super().__init__(f"{message}; {remedy}" if remedy else message)
        self.message = message
        self.remedy = remedy
        self.details = tuple(details)


class FileError(PipelineError):
    """A delivered file cannot be used as it is; the other files of the delivery are not affected."""

    code = "file"


def expected_error_codes() -> dict[str, str]:
    """Return the code of `PipelineError`, `OSError` and all their loaded subclasses by class name.

    Dagster stores a failed step's error as its class name and text, not as an object.
    """
    codes: dict[str, str] = {}
    pending: list[type[BaseException]] = [PipelineError, OSError]
    while pending:
        error_class = pending.pop()
        codes[error_class.__name__] = getattr(error_class, "code", OS_ERROR_CODE)
        pending.extend(error_class.__subclasses__())
    return codes
