"""Survey a JSON document: which lists, scalars and objects it holds, and where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tiktok_pipeline.delivery.json_items import Path, iterate_array, iterate_keys, skip_value
from tiktok_pipeline.delivery.json_stream import JsonDecoder, JsonStream

MOST_NAMES = 10_000
"""More names of columns are not kept."""

DEEPEST_LIST = 4
"""Lists deeper inside a document are no records."""

_NAME_KEYS = ("name", "label", "column_name", "id")


@dataclass
class ListContent:
    """What a list inside a document holds: numbers of objects, lists and other values, and its first elements."""

    n_objects: int = 0
    n_lists: int = 0
    n_others: int = 0
    first_object: dict[str, Any] | None = None
    others: list[Any] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)

    def add(self, value: Any) -> None:  # noqa: ANN401 - any JSON value
        """Count an element, and keep it if it may be a name."""
        if isinstance(value, dict):
            self.n_objects += 1
            self.first_object = self.first_object or value
            label = next((value[key] for key in _NAME_KEYS if isinstance(value.get(key), str)), None)
            if label is not None and len(self.labels) < MOST_NAMES:
                self.labels.append(label)
        elif isinstance(value, list):
            self.n_lists += 1
        else:
            self.n_others += 1
            if len(self.others) < MOST_NAMES:
                self.others.append(value)

    @property
    def names(self) -> tuple[str, ...]:
        """What the elements say if they are the names of columns, or objects with these names."""
        if self.n_lists or (self.n_objects and self.n_others):
            return ()
        if self.n_objects:
            return tuple(self.labels) if len(self.labels) == self.n_objects else ()
        return tuple(str(other) for other in self.others)

    @property
    def length(self) -> int:
        """The number of elements."""
        return self.n_objects + self.n_lists + self.n_others


@dataclass
class Survey:
    """What a document holds: its lists by path, its scalars, and its objects of objects by path.

    ``objects`` has the keys of each object inside an object; ``nested`` are the objects that hold objects.
    """

    lists: dict[Path, ListContent] = field(default_factory=dict)
    scalars: list[Path] = field(default_factory=list)
    objects: dict[Path, dict[str, list[str]]] = field(default_factory=dict)
    nested: set[Path] = field(default_factory=set)


def survey_document(stream: JsonStream, decoder: JsonDecoder) -> Survey:
    """Survey the document at the current place of a stream."""
    survey = Survey()
    _survey_object(stream, decoder, (), survey)
    return survey


def survey_value(value: Any, path: Path, survey: Survey) -> None:  # noqa: ANN401 - any JSON value
    """Add a decoded value to a survey."""
    if isinstance(value, dict) and len(path) < DEEPEST_LIST:
        for key, inner in value.items():
            survey_value(inner, (*path, key), survey)
    elif isinstance(value, list):
        content = survey.lists.setdefault(path, ListContent())
        for element in value:
            content.add(element)
    else:
        survey.scalars.append(path)


def _survey_object(stream: JsonStream, decoder: JsonDecoder, path: Path, survey: Survey) -> None:
    for key in iterate_keys(stream):
        inner = (*path, key)
        if path and len(keys := survey.objects.setdefault(path[:-1], {}).setdefault(path[-1], [])) < MOST_NAMES:
            keys.append(key)
        match stream.peek():
            case "[":
                content = survey.lists.setdefault(inner, ListContent())
                for item in iterate_array(stream, decoder):
                    content.add(item.value)
            case "{" if len(inner) < DEEPEST_LIST:
                if path:
                    survey.nested.add(path)
                survey.objects.setdefault(path, {}).setdefault(key, [])
                _survey_object(stream, decoder, inner, survey)
            case _:
                skip_value(stream, decoder)
                if len(survey.scalars) < MOST_NAMES:
                    survey.scalars.append(inner)
