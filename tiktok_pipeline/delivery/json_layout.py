"""Find where the records of a JSON text are: one a line, in an array, in a list inside a document, or in columns."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TextIO

from tiktok_pipeline.delivery.json_cells import flatten
from tiktok_pipeline.delivery.json_items import Path, iterate_array, iterate_keys, iterate_line, skip_value
from tiktok_pipeline.delivery.json_stream import JsonDecoder, JsonError, JsonStream, TooLongError, iterate_lines
from tiktok_pipeline.delivery.tables import KnowsName
from tiktok_pipeline.safe_text import one_line

Orient = Literal["lines", "values", "document", "split", "columns", "index"]
"""Where records are: an object a line; values one after the other or in an array; in a list inside each document;
lists of cells beside a list of names; an object for each column; an object of records by their labels."""

_MOST_LINES_TO_JUDGE = 50
_LONGEST_LINE_TO_JUDGE = 16 * 2**20
_DEEPEST_LIST = 4
_NEXT_OBJECT = re.compile(r"[\r\n]\}\s*,?\s*[\r\n]\{")
_MOST_NAMES = 10_000
_NAME_LISTS = ("columns", "header", "headers", "fields", "names")


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
        For a list inside a document: the keys that lead to it.
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
                return "each column is an object (pandas orient='columns')"
            case "index":
                return "each record has a label, which is column index (pandas orient='index')"
        return None


class AmbiguousListError(JsonError):
    """A document holds several lists of objects, and none of them is recognized as the records."""


@dataclass
class _List:
    """What a list inside a document holds: numbers of objects, lists and other values, and its first elements."""

    n_objects: int = 0
    n_lists: int = 0
    n_others: int = 0
    first_object: dict[str, Any] | None = None
    others: list[Any] = field(default_factory=list)

    def add(self, value: Any) -> None:  # noqa: ANN401 - any JSON value
        if isinstance(value, dict):
            self.n_objects += 1
            self.first_object = self.first_object or value
        elif isinstance(value, list):
            self.n_lists += 1
        else:
            self.n_others += 1
            if len(self.others) < _MOST_NAMES:
                self.others.append(value)


@dataclass
class _Survey:
    """What a document holds: its lists by path, its scalars, and the keys of the objects at its top."""

    lists: dict[Path, _List] = field(default_factory=dict)
    scalars: list[Path] = field(default_factory=list)
    top_objects: dict[str, list[str]] = field(default_factory=dict)
    nested: set[str] = field(default_factory=set)


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
            survey = _survey(stream, decoder)
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
        survey = _Survey()
        _survey_value(value, (), survey)
        surveys.append(survey)
    return _list_of_pages(surveys, knows)


def _survey_value(value: Any, path: Path, survey: _Survey) -> None:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict) and len(path) < _DEEPEST_LIST:
        for key, inner in value.items():
            _survey_value(inner, (*path, key), survey)
    elif isinstance(value, list):
        content = survey.lists.setdefault(path, _List())
        for element in value:
            content.add(element)
    else:
        survey.scalars.append(path)


def _list_of_pages(surveys: Sequence[_Survey], knows: KnowsName) -> Path:
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


def _survey(stream: JsonStream, decoder: JsonDecoder) -> _Survey:
    survey = _Survey()
    _survey_object(stream, decoder, (), survey)
    return survey


def _survey_object(stream: JsonStream, decoder: JsonDecoder, path: Path, survey: _Survey) -> None:
    for key in iterate_keys(stream):
        inner = (*path, key)
        if len(path) == 1 and len(survey.top_objects.setdefault(path[0], [])) < _MOST_NAMES:
            survey.top_objects[path[0]].append(key)
        match stream.peek():
            case "[":
                content = survey.lists.setdefault(inner, _List())
                for item in iterate_array(stream, decoder):
                    content.add(item.value)
            case "{" if len(inner) < _DEEPEST_LIST:
                if path:
                    survey.nested.add(path[0])
                else:
                    survey.top_objects.setdefault(key, [])
                _survey_object(stream, decoder, inner, survey)
            case _:
                skip_value(stream, decoder)
                if len(survey.scalars) < _MOST_NAMES:
                    survey.scalars.append(inner)


def _document_layout(survey: _Survey, knows: KnowsName) -> JsonLayout:
    """Return the layout of a text that is one document."""
    if split := _split_layout(survey):
        return split
    if (orient := _object_orient(survey, knows)) != "values":
        return JsonLayout(orient=orient)
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


def _split_layout(survey: _Survey) -> JsonLayout | None:
    """Return the layout of lists of cells with their names beside them, or in the first list."""
    tables = [path for path, content in survey.lists.items() if content.n_lists and not content.n_objects]
    if len(tables) != 1:
        return None
    path = tables[0]
    for name in _NAME_LISTS:
        names = survey.lists.get((*path[:-1], name))
        if names is not None and names.others and not names.n_lists and not names.n_objects:
            return JsonLayout(orient="split", path=path, names=tuple(str(other) for other in names.others))
    return JsonLayout(orient="split", path=path)


def _object_orient(survey: _Survey, knows: KnowsName) -> Orient:
    """Return "columns" or "index" for a document of objects with the same keys, else "values"."""
    groups = survey.top_objects
    top_scalars = [path for path in survey.scalars if len(path) == 1]
    if len(groups) < 2 or top_scalars or survey.lists:
        return "values"
    first = next(iter(groups.values()))
    are_equal = all(keys == first for keys in groups.values())
    known_top, known_inner = sum(map(knows, groups)), sum(map(knows, first))
    if are_equal and not survey.nested and first:
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


def _known_keys(content: _List, knows: KnowsName) -> int:
    """Return how many names of the first object in a list some dialect knows."""
    if content.first_object is None:
        return 0
    try:
        names = flatten(content.first_object)
    except JsonError:
        return 0
    return sum(knows(name) or knows(name.rpartition(".")[2]) for name in names)
