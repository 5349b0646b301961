"""Whole files that are odd by their format: JSON and Parquet of strange shapes and types, gzip streams that lie."""

from __future__ import annotations

import decimal
import json
import random
import zlib
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

import pyarrow as pa

from benchmarks.reliability.draft import Draft, json_object, packed, parquet_bytes

BOMB_BYTES = 48 * 1000**2
"""What a bomb unpacks to; the limit of the home under test lies below."""


def odd_json(draft: Draft) -> None:
    """Objects of strange shapes, whole or a few among good ones."""
    draw = draft.draw
    objects = [json_object(draft.header, row) for row in draft.rows]
    if draw.random() < 0.35:
        draft.content = draw.choice(_WHOLE_JSON)(draw, draft.header, objects).encode("utf-8", "surrogatepass")
        return
    for _ in range(draw.choice((1, 3, 20))):
        place = draw.randrange(len(objects))
        objects[place] = draw.choice(_ODD_OBJECTS)(draw, draft.header, draft.rows[place % len(draft.rows)])
    text = "\n".join(objects) if draft.ending.startswith(".ndjson") else "[" + ",\n".join(objects) + "]"
    draft.content = text.encode("utf-8", "surrogatepass")


def _deep(draw: random.Random) -> str:
    depth = draw.choice((50, 500, 5_000, 100_000))
    start, end = draw.choice((("[", "]"), ('{"a":', "}")))
    return start * depth + "1" + end * (depth if draw.random() < 0.7 else depth - 1)


def _with_cell(names: list[str], row: list[str], place: int, told: str) -> str:
    """The object with one value put as JSON text, valid or not."""
    cells = [told if at == place else json.dumps(cell) for at, cell in enumerate(row)]
    return "{" + ", ".join(f"{json.dumps(name)}: {cell}" for name, cell in zip(names, cells, strict=False)) + "}"


_VALUES = (
    "1", "-0", "1.0", "1e400", "12345678901234567890123", "true", "false", "null", "[]", "{}", '["a", 1]',
    '{"a": {"b": []}}', "NaN", "Infinity", "-Infinity", "01", "+1", ".5", "0x10", "'a'", "undefined", '"\\u0000"',
    '"a\\u0000b"', '"\\ud800"', '"\\udc00\\ud800"', '"\\ud83c\\udfac"', '"\\u001f"', '"\\x"', '"\n"', '"\t"', '"', "",
    "1 2", "/* c */ 1", '"a" "b"', '"\\u00"', "[1,]", "tru",
)  # fmt: skip
_KEYS = ("", "a/b", "a~b", "~1", "$", "a.b", "*", "a'b", 'a"b')
_NO_OBJECTS = (
    "{}", "[]", "null", "1", '"text"', "[{}]", "{", "}", "", " ", "{{}}", "]", ",", "\x00", "// c",
)  # fmt: skip
_NO_SCRAPES = (
    "null", "1", '"text"', "[]", "[[]]", "[null]", "{}", "{}\n{}\n", "[{}]", "[{},{}]", "NaN", "\x00",
)  # fmt: skip

_ODD_OBJECTS: tuple[Callable[[random.Random, list[str], list[str]], str], ...] = (
    *[lambda draw, names, row: _with_cell(names, row, draw.randrange(len(names)), draw.choice(_VALUES))] * 6,
    lambda draw, names, row: _with_cell(names, row, draw.randrange(len(names)), _deep(draw)),
    lambda draw, names, row: json_object([*names, names[draw.randrange(len(names))]], [*row, "again"]),
    lambda _, names, row: json_object([*names, *_KEYS], [*row, *"123456789"]),
    lambda _, names, row: json_object([*names, "\x00", "a\x00b", "\ud800"], [*row, *"123"]),
    lambda draw, names, row: json_object([*names, *(f"key_{draw.random()}" for _ in range(400))], row + ["x"] * 400),
    lambda _, names, row: json_object([f"{name} " for name in names], row),
    lambda draw, *_: draw.choice(_NO_OBJECTS),
    lambda draw, *_: _deep(draw),
    lambda _, names, row: json_object(names, row) * 2,
    lambda _, names, row: json_object(names, row).replace('"', "'"),
    lambda _, names, row: json_object(names, row).replace(", ", ",\n "),
    lambda draw, names, row: json_object(names, row)[: draw.randrange(5, 80)],
)  # fmt: skip

_WHOLE_JSON: tuple[Callable[[random.Random, list[str], list[str]], str], ...] = (
    lambda draw, *_: _deep(draw),
    lambda draw, *_: '{"a": ' + _deep(draw) + "}\n{}\n",
    lambda draw, *_: "[" + _deep(draw) + "]",
    lambda draw, *_: draw.choice(_NO_SCRAPES),
    lambda _, __, objects: '{"data": [' + ",".join(objects) + "]}",
    lambda _, __, objects: "[[" + ",".join(objects) + "]]",
    lambda _, __, objects: "[" + ",".join(objects) + ",]",
    lambda _, __, objects: "[" + " ".join(objects) + "]",
    lambda _, __, objects: "[" + ",".join(objects) + "]" + "[" + ",".join(objects) + "]",
    lambda _, __, objects: "[" + ",".join(objects) + "]garbage",
    lambda _, __, objects: "\n[\n" + "\n,\n".join(objects) + "\n]\n\n",
    lambda _, __, objects: ",".join(objects),
    lambda _, __, objects: " ".join(objects),
    lambda _, __, objects: "\n\n".join(objects) + "\n\n",
    lambda _, __, objects: "\x1e" + "\n\x1e".join(objects),
    lambda _, __, objects: "\ufeff" + "\n".join(objects),
    lambda _, __, objects: "\n".join(objects).replace("{", "{\n").replace("}", "\n}"),
    lambda _, names, objects: json.dumps({name: [record] * 3 for name, record in zip(names, objects, strict=False)}),
    lambda _, names, __: json.dumps(names),
    lambda _, names, objects: "\n".join([json.dumps(names), *objects]),
    lambda _, __, objects: "\n".join([*objects, '{"a": 1']),
)  # fmt: skip


def odd_parquet(draft: Draft) -> None:
    """The scrape with columns of strange types, or a strange table."""
    draw, count = draft.draw, len(draft.rows)
    names = list(draft.header)
    columns: list[pa.Array] = [
        pa.array([row[place] for row in draft.rows], pa.string()) for place in range(len(names))
    ]
    if draw.random() < 0.2:
        draft.content = parquet_bytes(draw.choice(_WHOLE_TABLES)(names, columns))
        return
    for _ in range(draw.choice((1, 2, 5))):
        place = draw.randrange(len(names) + 1)
        odd = draw.choice(_ODD_COLUMNS)(count)
        if place == len(names):
            names.append(
                draw.choice(("odd", "file_row_number", "source_row", "cell_0", "a b", 'a"b', "", "FOLLOWERS"))
            )
            columns.append(odd)
        else:
            columns[place] = odd
    draft.content = parquet_bytes(pa.Table.from_arrays(columns, names=names))


_NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
_ODD_COLUMNS: tuple[Callable[[int], pa.Array], ...] = (
    lambda n: pa.array(range(n), pa.int64()),
    lambda n: pa.array([2**64 - 1] * n, pa.uint64()),
    lambda n: pa.array([-1] * n, pa.int8()),
    lambda n: pa.array([float("nan"), float("inf"), float("-inf"), -0.0, 1e308, 5e-324, 1.5] * n, pa.float64())[:n],
    lambda n: pa.array([1.5] * n, pa.float32()).cast(pa.float16()),
    lambda n: pa.array([decimal.Decimal("12345678901234567890.123456789")] * n, pa.decimal128(38, 9)),
    lambda n: pa.array([decimal.Decimal("1" * 60)] * n, pa.decimal256(70, 0)),
    lambda n: pa.array([decimal.Decimal("1200.00")] * n, pa.decimal128(10, 2)),
    lambda n: pa.array([b"\xff\xfe\x00\x80"] * n, pa.binary()),
    lambda n: pa.array([b"1200"] * n, pa.binary()),
    lambda n: pa.array([b"0123456789abcdef"] * n, pa.binary(16)),
    lambda n: pa.array(["a", None, "b"] * n, pa.string())[:n].dictionary_encode(),
    lambda n: pa.array(["large"] * n, pa.large_string()),
    lambda n: pa.array([None] * n, pa.null()),
    lambda n: pa.array([None] * n, pa.string()),
    lambda n: pa.array([True, None, False] * n, pa.bool_())[:n],
    lambda n: pa.array([date(2024, 3, 1)] * n, pa.date32()),
    lambda n: pa.array([date(1, 1, 1), date(9999, 12, 31)] * n, pa.date32())[:n],
    lambda n: pa.array([2**31 - 1] * n, pa.int32()).cast(pa.date32()),
    lambda n: pa.array([_NOON] * n, pa.timestamp("us", "Europe/Berlin")),
    lambda n: pa.array([_NOON.replace(tzinfo=None)] * n, pa.timestamp("ns")),
    lambda n: pa.array([2**63 - 1] * n, pa.int64()).cast(pa.timestamp("us")),
    lambda n: pa.array([time(12, 30)] * n, pa.time64("us")),
    lambda n: pa.array([timedelta(days=3)] * n, pa.duration("us")),
    lambda n: pa.array([["a", None], [], None] * n, pa.list_(pa.string()))[:n],
    lambda n: pa.array([{"a": 1, "b": ["x"]}] * n),
    lambda n: pa.array([[{"video_id": "1"}]] * n),
    lambda n: pa.array([[("key", 1), ("other", None)]] * n, pa.map_(pa.string(), pa.int64())),
    lambda n: pa.array([[[[["deep"]]]]] * n),
    lambda n: pa.array([[1.5, float("nan")]] * n, pa.list_(pa.float32(), 2)),
    lambda n: pa.array([{"a": b"\xff"}] * n),
    lambda n: pa.array(["x" * 900_000] * n, pa.string()),
    lambda n: pa.array(["\x00", "a\x00b", "\x1f"] * n, pa.string())[:n],
    lambda n: pa.StringArray.from_buffers(n, *pa.array([b"\xff\xfe"] * n, pa.binary()).buffers()[1:]),
)  # fmt: skip

_WHOLE_TABLES: tuple[Callable[[list[str], list[pa.Array]], pa.Table], ...] = (
    lambda names, columns: pa.Table.from_arrays([column[:0] for column in columns], names=names),
    lambda _, __: pa.table({}),
    lambda names, columns: pa.Table.from_arrays([*columns, *columns], names=[*names, *names]),
    lambda names, columns: pa.Table.from_arrays([*columns, *columns], names=names + [name.upper() for name in names]),
    lambda names, columns: pa.Table.from_arrays(columns, names=[""] * len(names)),
    lambda names, columns: pa.table({"profiles": pa.StructArray.from_arrays(columns, names)}),
    lambda names, columns: pa.Table.from_arrays([pa.nulls(len(columns[0]))] * len(names), names=names),
    lambda names, columns: pa.Table.from_arrays(
        [*columns, *columns[:1] * 2_000], names=[*names, *(f"c{number}" for number in range(2_000))]
    ),
    lambda names, columns: pa.Table.from_arrays([*columns, columns[0]], names=[*names, "file_row_number"]),
    lambda names, columns: pa.Table.from_arrays([*columns, columns[0]], names=[*names, "filename"]),
)  # fmt: skip


def odd_gzip(draft: Draft, text: bytes) -> bytes:
    """A gzip stream with garbage in it, or something else under its name; gives the whole file."""
    draw, whole = draft.draw, packed(text)
    noise = draw.randbytes(draw.choice((1, 8, 300)))
    place = draw.randrange(10, len(whole) - 8)
    half = text.find(b"\n", len(text) // 2) + 1
    return draw.choice(
        (
            whole + noise,
            noise + whole,
            whole[:place] + noise + whole[place:],
            whole[:-8] + noise[:8].ljust(8, b"\x00"),
            whole[:-4] + b"\xff\xff\xff\xff",
            whole + b"\x00" * 512,
            packed(text[:half]) + packed(text[half:]),
            packed(text[:half]) + packed(text[half:])[:-3],
            packed(whole),
            text,
            zlib.compress(text),
            whole[:10],
            packed(b""),
            b"\x1f\x8b",
            b"\x1f\x8b\x08\x1c" + whole[4:],
            b"PK\x03\x04" + whole,
        )
    )


def gzip_bomb(draft: Draft, text: bytes) -> bytes:
    """A small stream that unpacks to more than is taken; gives the whole file."""
    filling = draft.draw.choice((b"\x00", b"x", b"\n", b",", b'"', text))
    return packed(text + filling * (BOMB_BYTES // len(filling)))
