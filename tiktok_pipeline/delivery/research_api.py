"""Give the replies of the TikTok Research API the handle that they lack.

The reply to a request for a user holds no handle: ``{"data": {"follower_count": 1}, "error": {"code": "ok"}}``. The
handle is in the request, which a person keeps in a file beside the reply, or in the name of the file.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from tiktok_pipeline.delivery.regular_file import is_there, open_regular_file
from tiktok_pipeline.delivery.tables import DeliveredTable, Record
from tiktok_pipeline.safe_text import visible_name
from tiktok_pipeline.warehouse.base import UnreadableFileError

USERNAME = "username"
REQUEST_ENDING = ".request.json"
_LONGEST_NAME_BYTES = 255
LARGEST_REQUEST_BYTES = 64 * 2**20

_HANDLE = re.compile(r"@?([A-Za-z0-9._]{2,24})")
_FOLLOWERS = "data.follower_count"
_ENDINGS = re.compile(r"([.](json|jsonl|ndjson|txt|gz))+$", re.IGNORECASE)


def is_user_reply(header: Sequence[str]) -> bool:
    """Return whether a table holds replies about users without their handles.

    Examples
    --------
    >>> is_user_reply(["data.display_name", "data.follower_count", "error.code"])
    True
    >>> is_user_reply(["username", "data.follower_count", "error.code"])
    False
    """
    has_handle = any(name.rpartition(".")[2].lower() == USERNAME for name in header)
    return _FOLLOWERS in header and not has_handle


def request_files(path: Path) -> list[Path]:
    """Return where the request of a reply may be: ``reply.json.request.json`` and ``reply.request.json``.

    A name that no disk can hold is left out.
    """
    stem = _ENDINGS.sub("", path.name)
    names = [name + REQUEST_ENDING for name in dict.fromkeys((path.name, stem))]
    return [path.with_name(name) for name in names if len(os.fsencode(name)) <= _LONGEST_NAME_BYTES]


def requests_beside(path: Path) -> list[Path]:
    """Return the requests that are beside a reply: files, and also links and special files, which are not read."""
    return [request for request in request_files(path) if is_there(request)]


def is_request_file(path: Path) -> bool:
    """Return whether a file is the request of a reply beside it, and not a delivery of its own."""
    if not path.name.endswith(REQUEST_ENDING):
        return False
    name = path.name.removesuffix(REQUEST_ENDING)
    endings = ("", ".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")
    return any(is_there(path.with_name(name + ending)) for ending in endings)


def with_usernames(table: DeliveredTable, path: Path) -> DeliveredTable:
    """Add a column ``username`` to the replies about users; any other table is returned as it is.

    Parameters
    ----------
    table : DeliveredTable
        One record for each reply.
    path : Path
        The delivered file; its request is looked for beside it.

    Returns
    -------
    DeliveredTable
        The handles are those of the request file, in its order; else the one in the name of a file with one reply.

    Raises
    ------
    UnreadableFileError
        If no request is found, it is a link, or it names more or fewer users than there are replies.
    """
    if not is_user_reply(table.header):
        return table
    request = next(iter(requests_beside(path)), None)
    if request is not None:
        usernames = _usernames_in(request)
        replies = sum(1 for _ in table.records())
        if len(usernames) != replies:
            raise UnreadableFileError(
                f"{table.name}: {visible_name(request.name)} lists {len(usernames)} users for {replies} replies",
                remedy="write one request for each reply, in the same order",
            )
        note = f"the handles are those of {visible_name(request.name)}"
    else:
        usernames = _username_in_name(table, path)
        note = "the handle is the name of the file"

    def read() -> Iterator[Record]:
        for username, record in zip(usernames, table.records(), strict=True):
            yield Record(record.row, record.line, (username, *record.cells), record.problem)

    layout = replace(table.layout, notes=(*table.layout.notes, note))
    header = (USERNAME, *table.header)
    return replace(table, header=header, read=read, layout=layout, plain_format=None, source=None)


def _usernames_in(request: Path) -> list[str]:
    """Return the handles in a request file: one object, an array, or one object per line."""
    shown = visible_name(request.name)
    with os.fdopen(open_regular_file(request), "rb") as opened:
        content = opened.read(LARGEST_REQUEST_BYTES + 1)
    if len(content) > LARGEST_REQUEST_BYTES:
        raise UnreadableFileError(f"{shown}: larger than {LARGEST_REQUEST_BYTES // 2**20} MB, no request is so large")
    try:
        text = content.decode("utf-8-sig")
        try:
            document = json.loads(text)
        except json.JSONDecodeError:
            document = [json.loads(line) for line in text.splitlines() if line.strip()]
        requests = document if isinstance(document, list) else [document]
        usernames = [str(entry[USERNAME]).strip() for entry in requests]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UnreadableFileError(
            f'{shown}: expected the request of each reply, such as {{"username": "some.creator"}}',
            remedy="write one object per line, in the order of the replies",
        ) from error
    return usernames


def _username_in_name(table: DeliveredTable, path: Path) -> list[str]:
    """Return the handle in the name of a file with one reply."""
    replies = len(list(islice(table.records(), 2)))
    handle = _HANDLE.fullmatch(_ENDINGS.sub("", path.name))
    if replies == 1 and handle:
        return [handle[1]]
    requests = visible_name(_ENDINGS.sub("", path.name) + REQUEST_ENDING)
    raise UnreadableFileError(
        f"{table.name}: replies of the TikTok Research API hold no handle, and there is no request beside the file",
        remedy=f'save the requests as {requests}, one {{"username": "..."}} a line in the order of the replies; '
        'or add "username" to each reply; or name a file with one reply after the handle',
    )
