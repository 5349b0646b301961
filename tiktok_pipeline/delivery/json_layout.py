"""Find where the records of a JSON text are: one a line, in an array, in a list inside a document, or in columns."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TextIO

from tiktok_pipeline.delivery.json_cells import flatten
from tiktok_pipeline.delivery.json_items import Path, iterate_array, iterate_line
from tiktok_pipeline.delivery.json_stream import JsonDecoder, JsonError, JsonStream, TooLongError, iterate_lines
from tiktok_pipeline.delivery.json_survey import ListContent, Survey, survey_document, survey_value
from tiktok_pipeline.delivery.tables import KnowsName
from tiktok_pipeline.safe_text import one_line

Orient = Literal["lines", "values", "document", "split", "columns", "index", "lists"]
"""Where records are: an object a line; values one after the other or in an array; in a list inside each document;
lists of cells beside a list of names; an object for each column; an object of records by their labels; a list for
each column."""

_MOST_LINES_TO_JUDGE = 50
_LONGEST_LINE_TO_JUDGE = 16 * 2**20
_NEXT_OBJECT = re.compile(r"[\r\n]\}\s*,?\s*[\r\n]\{")
_NAME_LISTS = ("columns", "header", "headers", "fields", "names", "meta", "schema", "cols")
_FEWEST_KNOWN = 2


@dataclass(frozen=True, kw_only=True)
class JsonLayout:
    """Where the records of a JSON text are.

    Attributes
    ----------
    orient : str
        See `Orient`.
    is_lines : bool
        Whether every line holds whole values.
    path : tuple of str
        For a list or an object of records inside a document: the keys that lead to it.
    names : tuple of str
        For lists of cells: the name of each cell; empty if the first list holds the names.
    """

    orient: Orient
    is_lines: bool = False
    path: Path = ()
    names: tuple[str, ...] = ()

    @property
    def note(self) -> str | None:
        """One sentence for people; None for the plain forms."""
        where = one_line(".".join(self.path), max_characters=60)
        match self.orient:
            case "document":
                return f"the records are in the list {where}"
            case "split":
                return f"the records are lists of cells{f' in {where}' if where else ''}"
            case "columns":
                return "each column is an object"
            case "index":
                return "each record has a label, which is read as the column index"
            case "lists":
                return "each column is a list"
        return None


class AmbiguousListError(JsonError):
    """A document holds several lists of objects, and none of them is recognized as the records."""


class UnfitDocumentError(JsonError):
    """A document whose records cannot be told, with what to do."""

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def find_layout(open_text: Callable[[], TextIO], knows: KnowsName | None) -> JsonLayout:
    """Return where the records of a JSON text are.

    Parameters
    ----------
    open_text : callable
        Opens the text; called several times.
    knows : callable, optional
        Whether a text is the name of a column that some dialect knows.

    Raises
    ------
    JsonError
        If the text is not readable as JSON.
    AmbiguousListError
        If it holds several lists of objects.
    """
    knows = knows or _knows_nothing
    with open_text() as text:
        start = JsonStream(text, JsonDecoder()).peek()
    if start == "[":
        with open_text() as text:
            return _array_layout(text, knows)
    with open_text() as text:
        objects = _objects_of_lines(text)
    if objects is not None:
        path = _common_list(objects, knows)
        return JsonLayout(orient="document" if path else "lines", is_lines=True, path=path)
    with open_text() as text:
        decoder = JsonDecoder()
        stream = JsonStream(text, decoder)
        try:
            survey = survey_document(stream, decoder)
        except TooLongError:
            raise
        except JsonError:
            if not _has_several_objects(open_text):
                raise
            return JsonLayout(orient="values")
        if not stream.peek():
            return _document_layout(survey, knows)
    path = _list_of_pages([survey], knows)
    return JsonLayout(orient="document" if path else "values", path=path)


def _has_several_objects(open_text: Callable[[], TextIO]) -> bool:
    """Return whether pretty-printed objects follow each other: one ends and another starts without indentation."""
    with open_text() as text:
        return _NEXT_OBJECT.search(text.read(_LONGEST_LINE_TO_JUDGE)) is not None


def _knows_nothing(_name: str) -> bool:
    return False


def _array_layout(text: TextIO, knows: KnowsName) -> JsonLayout:
    """Return "split" for an array whose first element is a list of names, "document" for an array of pages."""
    decoder = JsonDecoder()
    stream = JsonStream(text, decoder)
    first = next(iterate_array(stream, decoder), None)
    value = None if first is None else first.value
    if isinstance(value, list) and _are_names(value):
        return JsonLayout(orient="split")
    path = _common_list([value], knows) if isinstance(value, dict) else ()
    return JsonLayout(orient="document" if path else "values", path=path)


def _are_names(values: Sequence[Any]) -> bool:
    return len(values) > 1 and all(isinstance(value, str) for value in values)


def _objects_of_lines(text: TextIO) -> list[dict[str, Any]] | None:
    """Return the objects of the first lines; None if the text is not one object per line."""
    lines = itertools.islice(iterate_lines(text, longest=_LONGEST_LINE_TO_JUDGE), _MOST_LINES_TO_JUDGE)
    objects = [_objects_of_line(line) for _, line in lines]
    n_readable = sum(map(bool, objects))
    are_lines = len(objects) > 1 and (bool(objects[0]) or (n_readable and 2 * n_readable >= len(objects) - 2))
    return list(itertools.chain.from_iterable(objects)) if are_lines else None


def _objects_of_line(line: str | None) -> list[dict[str, Any]]:
    """Return the objects on a line; none if anything else is on it."""
    items = [] if line is None else list(iterate_line(line, 1, JsonDecoder()))
    are_objects = all(isinstance(item.value, dict) for item in items)
    return [item.value for item in items] if are_objects else []


def _common_list(objects: Sequence[dict[str, Any]], knows: KnowsName) -> Path:
    """Return the path of the list that each line holds a page of; () if the lines are the records."""
    surveys = []
    for value in objects:
        survey = Survey()
        survey_value(value, (), survey)
        surveys.append(survey)
    return _list_of_pages(surveys, knows)


def _list_of_pages(surveys: Sequence[Survey], knows: KnowsName) -> Path:
    """Return the one list whose objects have known names, if the documents around it are no records.

    One known name does not make a record: a page has its number.
    """
    if any(sum(_is_known(path, knows) for path in survey.scalars) > 1 for survey in surveys):
        return ()
    ranked = {
        path: _known_keys(content, knows)
        for survey in surveys
        for path, content in survey.lists.items()
        if content.n_objects
    }
    best = max(ranked, key=lambda path: ranked[path], default=())
    return best if best and ranked[best] > 1 else ()


def _document_layout(survey: Survey, knows: KnowsName) -> JsonLayout:
    """Return the layout of a text that is one document."""
    _check_no_chart(survey)
    if table := _lists_layout(survey, knows) or _split_layout(survey) or _object_layout(survey, knows):
        return table
    ranked = {path: _known_keys(content, knows) for path, content in survey.lists.items() if content.n_objects}
    if ("schema", "fields") in ranked and ("data",) in ranked:  # pandas orient='table'
        return JsonLayout(orient="document", path=("data",))
    n_known = sum(_is_known(path, knows) for path in survey.scalars)
    best = max(ranked.values(), default=0)
    if n_known > 1 and n_known >= best:
        return JsonLayout(orient="values")
    winners = [path for path, known in ranked.items() if known == best]
    if len(ranked) > 1 and (not best or len(winners) > 1):
        shown = ", ".join(one_line(".".join(path), max_characters=40) for path in list(ranked)[:5])
        raise AmbiguousListError(f"{len(ranked)} lists of objects ({shown})")
    return JsonLayout(orient="document", path=winners[0]) if winners else JsonLayout(orient="values")


def _split_layout(survey: Survey) -> JsonLayout | None:
    """Return the layout of lists of cells with their names beside them, or in the first list."""
    tables = [path for path, content in survey.lists.items() if content.n_lists and not content.n_objects]
    if len(tables) != 1:
        return None
    path = tables[0]
    for name in _NAME_LISTS:
        content = survey.lists.get((*path[:-1], name))
        if content is not None and content.names:
            return JsonLayout(orient="split", path=path, names=content.names)
    return JsonLayout(orient="split", path=path)


def _lists_layout(survey: Survey, knows: KnowsName) -> JsonLayout | None:
    """Return the layout of a document in which each column is a list; None for any other.

    Raises
    ------
    JsonError
        If the lists differ in length, so that no cell has a certain record.
    """
    for parent in dict.fromkeys(path[:-1] for path in survey.lists):
        columns = {path[-1]: content for path, content in survey.lists.items() if path[:-1] == parent}
        cells = [name for name, content in columns.items() if content.n_others and not content.n_objects]
        beside = [path for path in survey.scalars if path[:-1] == parent and knows(path[-1])]
        if sum(map(knows, cells)) < _FEWEST_KNOWN or beside:
            continue
        lengths = {name: content.length for name, content in columns.items()}
        if len(set(lengths.values())) > 1:
            ends = max(lengths, key=lengths.__getitem__), min(lengths, key=lengths.__getitem__)
            longest, shortest = (f"{one_line(end, max_characters=40)} has {lengths[end]}" for end in ends)
            raise UnfitDocumentError(
                f"its columns are lists of different lengths: {longest} cells and {shortest}",
                remedy="export one object for each creator",
            )
        return JsonLayout(orient="lists", path=parent)
    return None


def _check_no_chart(survey: Survey) -> None:
    """Refuse an object with the columns and rows of a chart: each row is an object with its cells."""
    for parent in {path[:-1] for path in survey.lists}:
        columns, rows = (survey.lists.get((*parent, name)) for name in ("cols", "rows"))
        if columns and rows and rows.first_object and isinstance(rows.first_object.get("c"), list):
            raise UnfitDocumentError(
                "the table of a chart (cols and rows), not of creators", remedy="export the sheet or query as CSV"
            )


def _object_layout(survey: Survey, knows: KnowsName) -> JsonLayout | None:
    """Return the layout of an object that holds columns, or records by their labels; None for any other."""
    if (orient := _object_orient(survey, knows)) != "values":
        return JsonLayout(orient=orient)
    path = _labeled_records(survey, knows)
    return JsonLayout(orient="index", path=path) if path else None


def _labeled_records(survey: Survey, knows: KnowsName) -> Path:
    """Return the path of an object inside the document that holds records by their labels; () if there is none."""
    for path, groups in survey.objects.items():
        is_alone = not any(scalar[:-1] == path for scalar in (*survey.scalars, *survey.lists))
        first = next(iter(groups.values()))
        if not path or len(groups) < _FEWEST_KNOWN or not is_alone:
            continue
        overlap = all(2 * len(set(keys) & set(first)) >= len(first) for keys in groups.values())
        if overlap and sum(map(knows, first)) >= _FEWEST_KNOWN and not any(map(knows, groups)):
            return path
    return ()


def _object_orient(survey: Survey, knows: KnowsName) -> Orient:
    """Return "columns" or "index" for a document of objects with the same keys, else "values"."""
    groups = survey.objects.get((), {})
    top_scalars = [path for path in survey.scalars if len(path) == 1]
    if len(groups) < 2 or top_scalars or survey.lists:
        return "values"
    first = next(iter(groups.values()))
    are_equal = all(keys == first for keys in groups.values())
    known_top, known_inner = sum(map(knows, groups)), sum(map(knows, first))
    is_nested = any(len(path) == 1 for path in survey.nested)
    if are_equal and not is_nested and first:
        if known_top != known_inner:
            return "columns" if known_top > known_inner else "index"
        if all(key.isdigit() for key in first):
            return "columns"
        if all(key.isdigit() for key in groups):
            return "index"
        return "columns" if len(first) >= len(groups) else "index"
    overlap = all(2 * len(set(keys) & set(first)) >= len(first) for keys in groups.values())
    return "index" if overlap and first and known_inner > known_top else "values"


def _is_known(path: Path, knows: KnowsName) -> bool:
    return knows(".".join(path)) or knows(path[-1])


def _known_keys(content: ListContent, knows: KnowsName) -> int:
    """Return how many names of the first object in a list some dialect knows."""
    if content.first_object is None:
        return 0
    try:
        names = flatten(content.first_object)
    except JsonError:
        return 0
    return sum(knows(name) or knows(name.rpartition(".")[2]) for name in names)
