"""Map a scanned file to the canonical columns of its source; every cell keeps its text."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import narwhals as nw

from tiktok_pipeline.raw.dialects import ERROR_COLUMNS, REQUIRED, Recognition, stored_recognition
from tiktok_pipeline.raw.dialects.column_names import unique_names
from tiktok_pipeline.raw.dialects.messages import competing_columns_error
from tiktok_pipeline.raw.dialects.recognition import UNDER_AGE, under_age_places
from tiktok_pipeline.raw.schema import (
    IDENTITY_COLUMNS,
    NO_PROFILE_RECORD,
    OTHER_PLATFORM_RECORD,
    UNDER_AGE_RECORD,
    Source,
)
from tiktok_pipeline.raw.snapshots import file_format
from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.truth_words import DENIAL
from tiktok_pipeline.warehouse.base import Engine, ScannedFile, UnreadableFileError

FORGOTTEN_RECORD = "forgotten"
"""The ``read_problem`` of a record that was blanked because its creator asked to be forgotten."""

_QUOTED_CHARACTERS = 40

_OTHER_PLATFORMS = (
    *("instagram", "insta", "ig", "youtube", "youtube shorts", "yt", "facebook", "fb", "twitter", "x", "twitter / x"),
    *("x [(]twitter[)]", "twitch", "pinterest", "snapchat", "linkedin", "threads", "reddit", "discord", "telegram"),
    *(
        "vk",
        "vkontakte",
        "onlyfans",
        "patreon",
        "spotify",
        "kick",
        "bluesky",
        "weibo",
        "xiaohongshu",
        "likee",
        "kwai",
    ),
)
"""Names of platforms in small letters, as patterns; anything else ("iOS", "web") says nothing about the account."""


def read_file(
    scan: ScannedFile, recognition: Recognition, *, source_file: str, engine: Engine, forgotten: Collection[int] = ()
) -> nw.LazyFrame[Any]:
    """Return the rows of one file as rows of ``raw.<source>``, lazily, without ``snapshot``.

    A record that repeats the header gets a ``read_problem``, and so does one in which a scraper reports an error
    instead of a profile. Columns that are not mapped go to ``extra``, a JSON object; a name that occurs twice gets
    its position appended.

    Of several flags of persons under age the first counts that does not deny it. In a source without such a column,
    a flagged record is blanked.

    Parameters
    ----------
    scan : ScannedFile
        The file as the engine reads it.
    recognition : Recognition
        Which column of the file becomes which canonical column.
    source_file : str
        The file's name in ``raw/<snapshot>/``.
    engine : Engine
        The engine that the frame lives in.
    forgotten : collection of int, optional
        Ordinals (from 1) of the records to blank: they keep their position and no cell.

    Returns
    -------
    LazyFrame
        One row per record, in the column order of ``raw.<source>``.
    """
    source = recognition.source
    header = unique_names(scan.header)
    cells = {name: f"cell_{header.index(column)}" for name, column in recognition.columns.items() if column in header}
    mapped = {name: cell for name, cell in cells.items() if name in source.columns}
    unmapped = {name: f"cell_{number}" for number, name in enumerate(header)}
    extra = {name: cell for name, cell in unmapped.items() if cell not in mapped.values()}
    flags = [f"cell_{place}" for place in under_age_places(scan.header)]
    rows = engine.to_json(scan.rows, "extra", extra)
    repeats = nw.all_horizontal(
        *(nw.col(cell) == nw.lit(scan.header[int(cell.removeprefix("cell_"))]) for cell in mapped.values()),
        ignore_nulls=False,
    )
    problem = (
        nw.when(~nw.col("read_problem").is_null())
        .then(nw.col("read_problem"))
        .when(repeats)
        .then(nw.lit("the header, repeated among the rows"))
        .when(_is_no_profile(cells))
        .then(nw.lit(NO_PROFILE_RECORD))
        .when(_is_of_another_platform(cells))
        .then(nw.lit(OTHER_PLATFORM_RECORD))
    )
    texts = {name: nw.col(cell) for name, cell in mapped.items()}
    if UNDER_AGE in source.columns and flags:
        texts[UNDER_AGE] = _flag_of_all(list(dict.fromkeys([*filter(None, [mapped.get(UNDER_AGE)]), *flags])))
    mapped_rows = rows.select(
        nw.lit(source_file).alias("source_file"),
        nw.col("source_row").cast(nw.Int64),
        nw.lit(recognition.dialect).alias("dialect"),
        problem.alias("read_problem"),
        *(cell.alias(name) for name, cell in texts.items()),
        *(_absent_cell(name, mapped).alias(name) for name in source.columns if name not in texts),
        nw.col("extra"),
        *([_may_be_under_age(flags).alias("may_be_under_age")] if flags and UNDER_AGE not in source.columns else []),
    )
    if flags and UNDER_AGE not in source.columns:
        is_intact = nw.col("read_problem").is_null()
        is_blank = is_intact & nw.col("may_be_under_age")
        mapped_rows = blank_rows(mapped_rows, is_blank, source, UNDER_AGE_RECORD, kept=IDENTITY_COLUMNS)
    if forgotten:
        mapped_rows = blank_rows(mapped_rows, nw.col("source_row").is_in(sorted(forgotten)), source)
    # The engine concatenates the files of a snapshot by column position.
    return mapped_rows.select(source.table.frame_names)


def read_stored_file(
    path: Path,
    *,
    dialect: str,
    source: str,
    columns: Mapping[str, str],
    engine: Engine,
    forgotten: Collection[int] = (),
) -> nw.LazyFrame[Any]:
    """Scan a file of a snapshot and read it with `read_file`.

    Parameters
    ----------
    path : Path
        The file; its name becomes ``source_file``.
    dialect, source : str
        Names of the dialect and the source that were recognized when the file was ingested.
    columns : mapping of str to str
        Its mapping, see `stored_recognition`.
    engine : Engine
        The engine that scans the file.
    forgotten : collection of int
        Ordinals (from 1) of the records that have no cells, see `read_file`.

    Returns
    -------
    narwhals.LazyFrame
        Rows of ``raw.<source>``, without ``snapshot``.

    Raises
    ------
    UnreadableFileError
        If the file cannot be scanned, or lacks columns that its source requires.
    """
    format_ = file_format(path)
    if format_ is None:
        raise UnreadableFileError(f"{path}: unknown file format", remedy="deliver the file again")
    with engine.reading(path):
        scan = engine.scan(path, format_)
        recognition = stored_recognition(dialect, source, columns, scan.header)
        header = unique_names(scan.header)
        groups = [
            [recognition.columns[name] for name in group if name in recognition.columns]
            for group in REQUIRED.get(source, ())
        ]
        if missing := [" or ".join(group) for group in groups if group and not set(group) & set(header)]:
            raise UnreadableFileError(
                f"{path}: lacks {', '.join(missing)}, which a file of dialect {dialect} has",
                remedy="restore it from a backup, or deliver the file again",
            )
        return read_file(scan, recognition, source_file=path.name, engine=engine, forgotten=forgotten)


def check_competing(scan: ScannedFile, recognition: Recognition, *, file: str, engine: Engine) -> None:
    """Check that columns which may be the same canonical column have equal cells.

    Parameters
    ----------
    scan : ScannedFile
        The file as the engine reads it.
    recognition : Recognition
        Its columns; ``competing`` holds those to compare.
    file : str
        The file's name, for messages.
    engine : Engine
        The engine that the frame lives in.

    Raises
    ------
    CompetingColumnsError
        If the cells of two columns differ in a record; the text shows both cells.
    """
    header = unique_names(scan.header)
    for canonical, columns in recognition.competing.items():
        first, *others = (f"cell_{header.index(column)}" for column in columns)
        texts = engine.strip_and_nullify(scan.rows, {f"text_{cell}": cell for cell in (first, *others)})
        chosen = nw.col(f"text_{first}").fill_null("")
        differs = nw.any_horizontal(
            *(nw.col(f"text_{cell}").fill_null("") != chosen for cell in others), ignore_nulls=True
        )
        rows = texts.filter(nw.col("read_problem").is_null() & differs).select("source_row", first, *others)
        example = rows.sort("source_row").head(1).collect("pyarrow").to_native().to_pylist()
        if example:
            row = example[0]
            cells = [
                one_line(row[cell] or "", max_characters=_QUOTED_CHARACTERS) or "empty" for cell in (first, *others)
            ]
            evidence = f"{' and '.join(cells)} in record {row['source_row']}"
            raise competing_columns_error(canonical, columns, evidence, file=file)


def _absent_cell(name: str, mapped: Mapping[str, str]) -> nw.Expr:
    """Return NULL; the account is the platform's id if a file has neither handles nor profile URLs."""
    if name != "account_id" or "url" in mapped or "tiktok_id" not in mapped:
        return nw.lit(None).cast(nw.String)
    text = nw.col(mapped["tiktok_id"]).str.strip_chars()
    # A number that a spreadsheet rounded would be one account for many creators.
    return nw.when(text.str.contains(r"^[0-9]{5,20}([.]0+)?$")).then(text.str.replace_all(r"[.]0+$", ""))


def _flag_of_all(cells: Sequence[str]) -> nw.Expr:
    """Return the first cell that does not deny that the person is under age, else the first cell."""
    first, *_ = cells
    flag: Any = nw
    for cell in cells:
        flag = flag.when(_may_be_under_age([cell])).then(nw.col(cell))
    chosen: nw.Expr = flag.otherwise(nw.col(first))
    return chosen


def _may_be_under_age(flags: Sequence[str]) -> nw.Expr:
    return nw.any_horizontal(*(~nw.col(cell).fill_null("").str.contains(DENIAL) for cell in flags), ignore_nulls=True)


def _is_no_profile(cells: Mapping[str, str]) -> nw.Expr:
    """Return whether a record holds an error or a warning of the scraper, and no followers."""
    controls = [cells[name] for name in ERROR_COLUMNS if name in cells]
    if not controls or "followers" not in cells:
        return nw.lit(False)
    reports = nw.any_horizontal(*(nw.col(cell).fill_null("") != "" for cell in controls), ignore_nulls=True)
    return reports & (nw.col(cells["followers"]).fill_null("") == "")


def _is_of_another_platform(cells: Mapping[str, str]) -> nw.Expr:
    """Return whether a record names a platform other than TikTok: its handle and figures are of another account."""
    if "platform" not in cells:
        return nw.lit(False)
    name = nw.col(cells["platform"]).fill_null("").str.strip_chars().str.to_lowercase()
    return name.str.contains(f"^({'|'.join(_OTHER_PLATFORMS)})$")


def blank_rows(
    rows: nw.LazyFrame[Any],
    is_blank: nw.Expr,
    source: Source,
    reason: str = FORGOTTEN_RECORD,
    *,
    kept: Collection[str] = (),
) -> nw.LazyFrame[Any]:
    """Return rows of ``raw.<source>`` in which some have a position, the ``reason``, and no cells but ``kept``."""
    cells = [
        nw.when(~is_blank).then(nw.col(name)).otherwise(nw.lit(None).cast(nw.String)).alias(name)
        for name in (*source.columns, "extra")
        if name not in kept
    ]
    problem = nw.when(is_blank).then(nw.lit(reason)).otherwise(nw.col("read_problem"))
    return rows.with_columns(*cells, problem.alias("read_problem"))
