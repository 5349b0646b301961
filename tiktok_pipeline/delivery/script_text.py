"""Refuse texts that hold JSON inside a script or a text, and drawn tables: say what they are, and what to save."""

from __future__ import annotations

import re

from tiktok_pipeline.delivery.tables import ByteSource
from tiktok_pipeline.delivery.text_encoding import TextEncoding, encoding_of_head
from tiktok_pipeline.warehouse.base import UnreadableFileError

_HEAD_BYTES = 4096
_COMMENTS = re.compile(r"(?:\s|/\*.*?\*/|(?://|#)[^\n]*(?:\n|$))*", re.DOTALL)
_BETWEEN_PARENTHESES = "save only what is between the parentheses, as a .json file"
_KINDS = (
    (
        re.compile(r"google\.visualization\.Query\.setResponse\s*\("),
        "the answer of Google's chart service, not a table",
        "in Google Sheets, choose File > Download > Comma-separated values",
    ),
    (
        re.compile(r"(?:typeof\s.*?&&\s*)?[\w$.]+\s*\(\s*[\[{]", re.DOTALL),
        "a script around JSON",
        _BETWEEN_PARENTHESES,
    ),
    (
        re.compile(
            r"(?:(?:var|let|const)\s+)?[\w$.\[\]'\"]+\s*=\s*(?:JSON\.parse\(\s*['\"`])?[\[{]|export\s+default\s*[\[{]"
        ),
        "a script around JSON",
        "save only what stands behind the =, without the semicolon, as a .json file",
    ),
    (
        re.compile(r"\)\]\}'|for\s*\(;;\);|while\s*\((?:1|true)\);"),
        "JSON behind a line for browsers",
        "remove all before the first [ or {",
    ),
    (
        re.compile(r'"\s*(?:\[\s*)?\{\s*\\"'),
        "JSON written as one text in quotes",
        "write the objects themselves, not a text of them",
    ),
    (re.compile("\x1e"), "a sequence of JSON texts with separators", "write one object per line"),
    (
        re.compile("[\u250c\u2554\u250f\u256d\u253c\u2502\u2551\u2503][\u2500-\u257f\\w ]", re.UNICODE),
        "a table drawn with lines for the screen",
        "export the query as CSV",
    ),
)
_JSON = re.compile(r"[\[{]\s*[\[{\"]")


def check_no_script(source: ByteSource, name: str) -> None:
    """Refuse a text that is no table and no JSON, where its first characters say what it is.

    Parameters
    ----------
    source : callable
        Opens the unpacked bytes.
    name : str
        The file for messages.

    Raises
    ------
    UnreadableFileError
        If the text is a script, a chart answer, JSON behind comments or in quotes, or drawn with lines.
    """
    with source() as stream:
        head = stream.read(_HEAD_BYTES)
    encoding = encoding_of_head(head) or TextEncoding("utf-8")
    text = head.decode(encoding.codec, errors="replace").lstrip("\ufeff \t\r\n")
    comments = _COMMENTS.match(text)
    start = comments.end() if comments else 0
    for pattern, kind, remedy in _KINDS:
        if pattern.match(text[start:]) or pattern.match(text):
            raise UnreadableFileError(f"{name}: {kind}", remedy=remedy)
    if start and _JSON.match(text[start:]):
        raise UnreadableFileError(f"{name}: JSON with a comment above it", remedy="remove the comment")
