"""Recognize the dialect of a file by its column names.

The cells of the first rows are evidence only where a name alone leaves a doubt: whether "Creator" holds handles, or
"Link" holds profile URLs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from tiktok_pipeline.raw.dialects.column_names import HeaderIndex, column_key
from tiktok_pipeline.raw.dialects.dialect import (
    CONTROL_COLUMNS,
    COUNTS,
    Dialect,
    RateUnit,
    Recognition,
    UnknownDialectError,
)
from tiktok_pipeline.raw.dialects.messages import map_option, refusal, shown_name, shown_names
from tiktok_pipeline.raw.dialects.name_units import named_unit
from tiktok_pipeline.raw.dialects.shipped import DIALECTS

GENERIC = next(dialect for dialect in DIALECTS if dialect.is_generic)
"""The list of known names."""

Sample = Sequence[Sequence[str | None]]
"""The cells of the first rows, in the order of the header."""

UNDER_AGE = "is_under_age"
_FLAG = r"under(?:aged?(?:18)?|18)(?:years)?(?:old)?|minor"
_FLAG_AT_THE_END = re.compile(rf"is(?:{_FLAG})(?:flag|bool|boolean|value)?$")
_FLAG_AS_A_WHOLE = re.compile(rf"(?:{_FLAG})(?:flag|bool|boolean|value)?")
"""The name of a flag of persons under age, as `column_key` writes it. "Under 18" is often a part of an audience."""

_HANDLE = re.compile(r"@?[A-Za-z0-9._]{2,30}")
_FREE_TEXTS = frozenset({"nickname", "biography", "bio_link", "language", "region"})
"""Columns for which the first of several names is taken: no figure depends on them."""
_DISPLAY_NAMES = frozenset({"name", "nombre", "nome", "nom", "navn", "title", "index"})
"""Columns that usually hold displayed names or labels: only an @ before every cell makes them handles."""
_LONGEST_ROW_NUMBER = 6
_PERCENT = re.compile(r"%|\uff05|per ?cent|prozent|procent|pourcent|porcent|(?:\b|_)pct(?:\b|_)", re.IGNORECASE)
_OTHER_UNIT = re.compile(
    r"\u2030|per ?mille?\b|promille|per (?:1[., ]?000|thousand)|\bbps\b|basis ?points?", re.IGNORECASE
)

_LOOKS_RIGHT: Mapping[str, Callable[[str], bool]] = {
    "account_id": lambda cell: bool(_HANDLE.fullmatch(cell) and not cell.isdigit()) or "tiktok.com/@" in cell,
    "url": lambda cell: "tiktok.com/@" in cell,
    "tiktok_id": lambda cell: cell.isascii() and cell.isdigit() and 15 <= len(cell) <= 20,
    "videos_count": lambda cell: bool(re.fullmatch("[0-9]{1,3}([., ]?[0-9]{3})?", cell)),
}
"""What every cell of a proposed column must look like, so that the column is taken without a question."""


def recognize(
    header: Sequence[str],
    *,
    file: str,
    sample: Sample = (),
    column_map: Mapping[str, str] | None = None,
    dialects: Sequence[Dialect] = (),
) -> Recognition:
    """Return which column of a file becomes which canonical column.

    The dialect is the one that fits and knows most of the header's names. Columns that it does not know are read by
    the generic dialect's list of names.

    Parameters
    ----------
    header : sequence of str
        The column names of the file.
    file : str
        The file's name, for messages.
    sample : sequence of sequence of str or None, optional
        The cells of the first rows. Without them, a doubtful column is never taken.
    column_map : mapping of str to str, optional
        Canonical name to the name in the file, as the user gave them. They come before every dialect.
    dialects : sequence of Dialect, optional
        The user's own dialects.

    Returns
    -------
    Recognition
        The mapping, and the columns whose cells must be compared.

    Raises
    ------
    UnknownDialectError
        If a required column is missing, two dialects fit equally well, or ``column_map`` names no column.
    """
    recognition = match_columns(header, file=file, sample=sample, column_map=column_map, dialects=dialects)
    if recognition.missing:
        raise refusal(recognition.missing, recognition.proposals, HeaderIndex(header).names, file=file)
    return recognition


def match_columns(
    header: Sequence[str],
    *,
    file: str,
    sample: Sample = (),
    column_map: Mapping[str, str] | None = None,
    dialects: Sequence[Dialect] = (),
) -> Recognition:
    """Return what `recognize` returns, also for a file that lacks required columns: ``missing`` has them."""
    index = HeaderIndex(header)
    given = _given_columns(column_map or {}, index, file)
    dialect = _choose_dialect(dialects, index, given, file)
    resolved = {name: columns for name, columns in dialect.resolve(index).items() if name not in given}
    if UNDER_AGE in dialect.source.columns:
        _add_under_age(resolved, given, index)
    accepted: dict[str, tuple[str, ...]] = {}
    proposals: dict[str, tuple[str, ...]] = {}
    if dialect.source == GENERIC.source:
        if not dialect.is_own:
            _complete(resolved, index, _known_names(dialect, index) | set(given.values()))
            accepted = _accept_by_cells(resolved, given, index, sample)
        proposals = _proposals({**resolved, **given}, index)
    resolved = _without_given(resolved, given)
    of_a_video = _drop_likes_of_a_video(resolved, index) if dialect.is_generic else []
    competing, notes = _competing(resolved, index)
    notes += of_a_video
    notes += _drop_row_numbers(resolved, index, sample)
    notes += [f"{name} is read from {shown_name(names[0])}: its cells show it" for name, names in accepted.items()]
    columns = {**{name: names[0] for name, names in resolved.items()}, **given}
    in_order = {name: columns[name] for name in (*dialect.source.columns, *CONTROL_COLUMNS) if name in columns}
    taken = {*in_order.values(), *(name for names in competing.values() for name in names)}
    return Recognition(
        dialect=dialect.name,
        source=dialect.source,
        columns=in_order,
        description=dialect.description,
        units={**_units(in_order, file), **dialect.units},
        powers=_powers(in_order, file),
        dates=dialect.dates,
        transformation=dialect.transformation,
        competing=competing,
        unused=tuple(name for name in index.names if name not in taken),
        missing=tuple(dialect.missing(in_order)),
        proposals=proposals,
        notes=tuple(notes),
    )


def _add_under_age(resolved: dict[str, tuple[str, ...]], given: Mapping[str, str], index: HeaderIndex) -> None:
    """Read the flag of persons under age in every dialect, wherever it lies in nested objects."""
    flags = _under_age_flags(index)
    if UNDER_AGE in resolved:
        flags = resolved[UNDER_AGE]
    if flags and UNDER_AGE not in given:
        resolved[UNDER_AGE] = flags[:1]  # `read_file` reads the others, too


def under_age_places(header: Sequence[str]) -> list[int]:
    """Return the places of the columns that say whether a person is under age, wherever nested objects have them.

    Examples
    --------
    >>> under_age_places(["user.isUnderAge18", "userInfo_user_isUnderAge18", "audience_under_18", "is_minor"])
    [0, 1, 3]
    """
    return [
        place
        for place, name in enumerate(header)
        if _FLAG_AT_THE_END.search(column_key(name))
        or _FLAG_AS_A_WHOLE.fullmatch(column_key(re.split("[./:]", name)[-1]))
    ]


def _under_age_flags(index: HeaderIndex) -> tuple[str, ...]:
    return tuple(index.names[place] for place in under_age_places(index.names))


def _choose_dialect(own: Sequence[Dialect], index: HeaderIndex, given: Mapping[str, str], file: str) -> Dialect:
    """Return the dialect of a header, the generic one if no other fits."""
    specific = [dialect for dialect in (*own, *DIALECTS) if not dialect.is_generic]
    candidates = [dialect for dialect in specific if not dialect.missing({**dialect.resolve(index), **given}, index)]
    dialect = _best(candidates, index, file) if candidates else GENERIC
    if foreign := [name for name in given if name not in dialect.source.columns]:
        raise UnknownDialectError(
            f"{file}: --map {foreign[0]}={shown_name(given[foreign[0]])}: {dialect.source.name} have no such column",
            remedy=f"their columns are: {', '.join(dialect.source.columns)}",
        )
    return dialect


def is_known_name(name: str) -> bool:
    """Return whether a text is the name of a column that a shipped dialect knows, as a header line has them."""
    keys = [column_key(part) for part in re.split(r"[./]", name)]
    return any("".join(keys[start:]) in _KNOWN_KEYS for start in range(len(keys)))


_KNOWN_KEYS = frozenset(
    column_key(name)
    for dialect in DIALECTS
    for names in (*dialect.columns.values(), *dialect.proposals.values(), tuple(dialect.typical))
    for name in names
)


def _given_columns(column_map: Mapping[str, str], index: HeaderIndex, file: str) -> dict[str, str]:
    """Return the columns that the user named, as the header spells them."""
    given: dict[str, str] = {}
    for canonical, name in column_map.items():
        exact = [column for column in index.names if column == name]
        matches = exact or index.find(name)
        if not matches:
            raise UnknownDialectError(
                f"{file}: --map {canonical}={shown_name(name)}: the file has no column {shown_name(name)}",
                remedy=f"its columns are: {shown_names(index.names)}",
            )
        given[canonical] = matches[0]
    return given


def _best(candidates: Sequence[Dialect], index: HeaderIndex, file: str) -> Dialect:
    """Return the dialect that knows most names; raises if several that differ know equally many."""
    flags = set(_under_age_flags(index))  # every dialect reads them, so that they count only between equals
    names = {dialect.name: _known_names(dialect, index) for dialect in candidates}
    known = {name: (len(columns - flags), len(columns)) for name, columns in names.items()}
    best = [dialect for dialect in candidates if known[dialect.name] == max(known.values())]
    own = [dialect for dialect in best if dialect.is_own]
    best = own or best
    mappings = {_meaning(dialect, index) for dialect in best}
    if len(mappings) > 1:
        equal = " and ".join(shown_name(dialect.name) for dialect in best)
        raise UnknownDialectError(
            f"{file}: the dialects {equal} fit equally well and read its columns differently",
            remedy="in the TOML file of one, add to `recognized_by` a column that the other does not know",
        )
    return best[0]


def _meaning(dialect: Dialect, index: HeaderIndex) -> tuple[object, ...]:
    columns = tuple(sorted(dialect.resolve(index).items()))
    return dialect.source.name, columns, tuple(sorted(dialect.units.items())), dialect.dates, dialect.transformation


def _known_names(dialect: Dialect, index: HeaderIndex) -> set[str]:
    """Return the columns of the header that the dialect maps or lists as typical."""
    mapped = {name for names in dialect.resolve(index).values() for name in names}
    return mapped.union(*(index.find(name) for name in dialect.typical))


def _complete(resolved: dict[str, tuple[str, ...]], index: HeaderIndex, known: set[str]) -> None:
    """Add the canonical columns that only the generic dialect knows by name."""
    for canonical, columns in GENERIC.resolve(index).items():
        free = tuple(column for column in columns if column not in known)
        if canonical not in resolved and free:
            resolved[canonical] = free


def _accept_by_cells(
    resolved: dict[str, tuple[str, ...]],
    given: Mapping[str, str],
    index: HeaderIndex,
    sample: Sample,
) -> dict[str, tuple[str, ...]]:
    """Add a proposed identity whose cells leave no doubt, if it is the only one; return what was added."""
    accepted: dict[str, tuple[str, ...]] = {}
    taken = {*given.values(), *(column for columns in resolved.values() for column in columns)}
    for canonical, looks_right in _LOOKS_RIGHT.items():
        if canonical in resolved or canonical in given:
            continue
        columns = _find_all(GENERIC.proposals.get(canonical, ()), index)
        fitting = [
            column
            for column in columns
            if column not in taken
            and (cells := _cells(column, index, sample))
            and all(looks_right(cell) for cell in cells)
            and (column_key(column) not in _DISPLAY_NAMES or all(cell.startswith("@") for cell in cells))
        ]
        if len(fitting) == 1:
            accepted[canonical] = resolved[canonical] = (fitting[0],)
            taken.add(fitting[0])
    return accepted


def _drop_row_numbers(resolved: dict[str, tuple[str, ...]], index: HeaderIndex, sample: Sample) -> list[str]:
    """Remove a column "id" that numbers the rows; return a note about it."""
    column = resolved.get("tiktok_id", ("",))[0]
    cells = _cells(column, index, sample) if column_key(column) == "id" else []
    if not cells or not all(cell.isdigit() and len(cell) <= _LONGEST_ROW_NUMBER for cell in cells):
        return []
    del resolved["tiktok_id"]
    return [f"{shown_name(column)} is not read as tiktok_id: its cells look like row numbers ({cells[0]})"]


def _drop_likes_of_a_video(resolved: dict[str, tuple[str, ...]], index: HeaderIndex) -> list[str]:
    """Remove "likes" that stand among the figures of one video; return a note about it."""
    likes = resolved.get("likes", ())
    if not likes or any(column_key(re.split("[./]", name)[-1]) not in _LIKES_OF_ANYTHING for name in likes):
        return []
    paths = [name for name in (*likes, *resolved.get("followers", ())) if " " not in name]
    parents = {tuple(re.split("[./]", name)[:-1]) for name in paths}
    kinds = sum(any(index.find(name) for name in names) for names in _FIGURES_OF_A_VIDEO)
    if kinds < _FEWEST_FIGURES and len(parents) < 2:
        return []
    del resolved["likes"]
    shown = shown_name(likes[0])
    return [f"{shown} is not read: it looks like the likes of one video; if not, add {map_option('likes', likes[0])}"]


_LIKES_OF_ANYTHING = frozenset({"likes", "like", "likescount", "likecount", "numberoflikes"})
_FIGURES_OF_A_VIDEO = (
    ("views", "view count", "views count", "plays", "play count", "video views"),
    ("comments", "comment count", "comments count"),
    ("shares", "share count", "shares count", "saves", "bookmarks"),
)
_FEWEST_FIGURES = 2


def _without_given(resolved: Mapping[str, tuple[str, ...]], given: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the mapping without the columns that the user maps to something else."""
    left = {
        canonical: tuple(column for column in columns if column not in given.values())
        for canonical, columns in resolved.items()
        if canonical not in given
    }
    return {canonical: columns for canonical, columns in left.items() if columns}


def _proposals(mapped: Mapping[str, tuple[str, ...] | str], index: HeaderIndex) -> dict[str, tuple[str, ...]]:
    """Return the unused columns that may be a canonical column which is not mapped."""
    taken = {name for names in mapped.values() for name in ((names,) if isinstance(names, str) else names)}
    proposals = {
        canonical: tuple(column for column in _find_all(names, index) if column not in taken)
        for canonical, names in GENERIC.proposals.items()
        if canonical not in mapped
    }
    return {canonical: columns for canonical, columns in proposals.items() if columns}


def _competing(
    resolved: Mapping[str, tuple[str, ...]], index: HeaderIndex
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Return the columns whose cells must be compared, and a note for each text that is read from one of several."""
    competing: dict[str, tuple[str, ...]] = {}
    notes = []
    for canonical, columns in resolved.items():
        repeats = index.repeats(columns[0])
        same_name = tuple(column for column in columns if column in repeats)
        rivals = same_name if canonical in _FREE_TEXTS else columns
        if len(rivals) > 1 and canonical not in CONTROL_COLUMNS:
            competing[canonical] = rivals
        if others := [shown_name(column) for column in columns if column not in rivals]:
            notes.append(f"{canonical} is read from {shown_name(columns[0])}, not from {', '.join(others)}")
    return competing, notes


def _units(columns: Mapping[str, str], file: str) -> dict[str, RateUnit]:
    """Return the unit of each rate whose name gives it, such as "Engagement (%)"."""
    rates = {name: column for name, column in columns.items() if name.endswith("_rate")}
    for column in rates.values():
        if _OTHER_UNIT.search(column):
            raise UnknownDialectError(
                f"{file}: column {shown_name(column)}: its unit is neither a fraction nor a percentage",
                remedy="write its rates as percentages, and % in its name",
            )
    return {name: "percent" for name, column in rates.items() if _PERCENT.search(column)}


def _powers(columns: Mapping[str, str], file: str) -> dict[str, int]:
    """Return the power of ten of each count whose name gives a unit, such as "Followers (k)"."""
    powers = {}
    for name, column in columns.items():
        unit = named_unit(column) if name in COUNTS else None
        if unit is None:
            continue
        if unit.power is None:
            raise UnknownDialectError(
                f"{file}: column {shown_name(column)}: {unit.word} may mean {unit.meanings}",
                remedy="write thousand, million or billion in its name",
            )
        powers[name] = unit.power
    return powers


def _find_all(names: Sequence[str], index: HeaderIndex) -> tuple[str, ...]:
    return tuple(dict.fromkeys(column for name in names for column in index.find(name)))


def _cells(column: str, index: HeaderIndex, sample: Sample) -> list[str]:
    """Return the cells of a column in the first rows, without empty ones."""
    position = index.names.index(column)
    cells = (row[position] for row in sample if position < len(row))
    return [cell.strip() for cell in cells if cell and cell.strip()]
