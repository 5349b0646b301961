"""The messages about columns: names cut and made safe for a terminal, and options as they are typed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from tiktok_pipeline.raw.dialects.dialect import CompetingColumnsError, UnknownDialectError
from tiktok_pipeline.safe_text import one_line

_NAME_CHARACTERS = 40
_SHOWN_NAMES = 40
_CHOICES = 4
_MOST_CHOICES = 7
_MEANINGS = {"account_id": "the creator's handle, number or profile URL", "followers": "the followers"}


def refusal(
    missing: Sequence[tuple[str, ...]],
    proposals: Mapping[str, tuple[str, ...]],
    names: Sequence[str],
    *,
    file: str,
) -> UnknownDialectError:
    """Return the error of a file without required columns: what is missing, and the option or command that helps."""
    wanted = " and ".join(_MEANINGS.get(group[0], " or ".join(group)) for group in missing)
    likely = [(name, column) for group in missing for name in group for column in proposals.get(name, ())]
    maps = " or ".join(map_option(name, column) for name, column in likely[:3])
    guess = f"if one of them is right, add {maps}; " if maps else ""
    return UnknownDialectError(
        f"{file}: cannot tell which column holds {wanted}. Its columns are: {shown_names(names)}",
        remedy=f"{guess}`{inspect_command(file)}` shows how to name them",
    )


def inspect_command(file: str) -> str:
    """Return the command that shows how a file is read, as it is typed into a shell."""
    return f"tiktok-pipeline inspect {shlex.quote(one_line(file))}"


def map_option(canonical: str, column: str) -> str:
    """Return the option that reads a column as a canonical one, as it is typed into a shell."""
    return f"--map {shlex.quote(f'{canonical}={one_line(column)}')}"


def shown_name(name: str) -> str:
    """Return the name of a column for a message: on one line, cut, in quotes if it has blanks."""
    text = one_line(name, max_characters=_NAME_CHARACTERS)
    return f"'{text}'" if " " in text or not text else text


def shown_names(names: Sequence[str]) -> str:
    """Return names of columns for a message, the first ones of many."""
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(shown_name(name) for name in names[:_SHOWN_NAMES]) + more or "none"


def competing_columns_error(
    canonical: str, columns: Sequence[str], evidence: str, *, file: str
) -> CompetingColumnsError:
    """Return the error of columns with different cells that may all be one canonical column."""
    if len(columns) > _MOST_CHOICES:
        return CompetingColumnsError(
            f"{file}: {len(columns)} columns may each be {canonical}, such as {shown_name(columns[0])} and "
            f"{shown_name(columns[-1])}: the creators stand side by side",
            remedy="export one row for each creator",
        )
    more = f" (and {len(columns) - _CHOICES} more)" if len(columns) > _CHOICES else ""
    names = " and ".join(shown_name(column) for column in columns[:_CHOICES]) + more
    choices = " or ".join(map_option(canonical, column) for column in columns[:_CHOICES])
    return CompetingColumnsError(
        f"{file}: {names} may each be {canonical}, but their cells differ: {evidence}",
        remedy=f"choose one: {choices}",
    )
