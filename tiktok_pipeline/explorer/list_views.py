"""The pages of the lists and of the shortlist, and the forms that change a list."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tiktok_pipeline.explorer.list_files import LIST_NOTES, list_table, read_list_file
from tiktok_pipeline.explorer.lists import STATES, ListsError, Member
from tiktok_pipeline.explorer.published import Facts, Published
from tiktok_pipeline.explorer.rendering import environment
from tiktok_pipeline.explorer.search import read_number, read_search
from tiktok_pipeline.explorer.search_page import usable
from tiktok_pipeline.explorer.security import Upload
from tiktok_pipeline.explorer.shortlist import MOST_CANDIDATES, Candidate, choose
from tiktok_pipeline.explorer.site import Site, as_file, check_ending, parameters

Form = dict[str, list[str]]
MOST_OF_EACH = MOST_CANDIDATES // 2
MOST_UNKNOWN, LONGEST_HANDLE = 20, 64
_HANDLES = re.compile(r"[\s,;]+")


def all_lists(site: Site, request: Request) -> Response:
    """Show the names of all lists."""
    return site.page(request, "lists.html", site.published.facts(), lists=site.lists.names())


def one_list(site: Site, request: Request) -> Response:
    """Show a list: its members with their figures when they were added and today."""
    facts = site.published.facts()
    name = request.path_params["name"]
    _check_list(site, name)
    members = site.lists.members(name)
    today = _figures(site.published, facts, [member.account_id for member in members])
    unknown = [handle[:LONGEST_HANDLE] for handle in request.query_params.getlist("unknown")[:MOST_UNKNOWN]]
    more = request.query_params.get("more", "")
    return site.page(
        request,
        "list.html",
        facts,
        name=name,
        members=members,
        today=today,
        states=STATES,
        unknown=unknown,
        more=int(more) if more.isdecimal() and len(more) < 9 else 0,
    )


def export_list(site: Site, request: Request) -> Response:
    """Send a list as a file."""
    ending = check_ending(request.path_params["ending"])
    facts = site.published.facts()
    name = request.path_params["name"]
    _check_list(site, name)
    members = site.lists.members(name)
    today = _figures(site.published, facts, [member.account_id for member in members])
    table = list_table(members, today)
    safe_name = re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:60] or "list"
    return as_file(f"{safe_name}.{ending}", table.schema, table.to_batches(), len(members), LIST_NOTES)


def upload_list(site: Site, request: Request, _form: Form, upload: Upload) -> Response:
    """Add the creators of a file to a list, with their states and notes."""
    name = request.path_params["name"]
    _check_list(site, name)
    rows = read_list_file(upload.name, upload.content)
    unknown = _add(site, name, [row.account_id for row in rows])
    site.lists.change_all(name, [(row.account_id, row.state, row.note) for row in rows])
    return _to_list(name, unknown)


def create_list(site: Site, _request: Request, form: Form) -> Response:
    """Create a list."""
    name = site.lists.create(_first(form, "name"))
    return _to_list(name)


def add_members(site: Site, _request: Request, form: Form) -> Response:
    """Add creators to a list that is chosen or created."""
    name = _first(form, "new_list") or _first(form, "list")
    if not name.strip():
        msg = "no list was chosen"
        raise ListsError(msg, remedy="choose a list, or type the name of a new one")
    typed = [handle for text in form.get("handles", []) for handle in _HANDLES.split(text)]
    wanted = dict.fromkeys(handle.removeprefix("@") for handle in [*form.get("id", []), *typed] if handle.strip("@"))
    if not wanted:
        msg = "no creator was chosen"
        raise ListsError(msg, remedy="tick some creators, or type their handles")
    name = site.lists.create(name)
    return _to_list(name, _add(site, name, list(wanted)))


def _add(site: Site, name: str, handles: Sequence[str]) -> list[str]:
    """Add creators with their figures of today to a list, and return the handles that are not in the snapshot.

    Raises
    ------
    ListsError
        If none of them is.
    """
    facts = site.published.facts()
    known = _figures(site.published, facts, handles)
    if not known:
        msg = f"snapshot {facts.snapshot} has none of these {len(handles):,} handles"
        raise ListsError(msg, remedy="check how they are spelled")
    members = [
        Member(
            handle,
            snapshot=facts.snapshot,
            followers=row["followers"],
            engagement=row["avg_engagement_rate"],
            persona=row["persona"],
        )
        for handle, row in known.items()
    ]
    site.lists.add(name, members)
    return [handle for handle in handles if handle not in known]


def change_list(site: Site, request: Request, form: Form) -> Response:
    """Delete a list, take a creator off it, or set the state and the note of a creator."""
    name = request.path_params["name"]
    _check_list(site, name)
    action, account_id = _first(form, "action"), _first(form, "account_id")
    if action == "delete":
        site.lists.delete(name)
        return RedirectResponse("/lists", 303)
    if action == "remove":
        site.lists.remove(name, account_id)
    else:
        site.lists.change(name, account_id, state=_first(form, "state"), note=_first(form, "note"))
    return _to_list(name)


def shortlist(site: Site, request: Request) -> Response:
    """Show the best set of creators for a budget, from a list or from a search."""
    facts = site.published.facts()
    query = request.query_params
    source = query.get("list", "")
    problems: list[str] = []
    budget = _number(query.get("budget", ""), "Budget", problems)
    rate = _number(query.get("rate", ""), "Fee per 1,000 followers", problems)
    most = int(_number(query.get("most", ""), "Most creators", problems) or 10)
    diversity = min(max((_number(query.get("diversity", ""), "Diversity", problems) or 0.0) / 100.0, 0.0), 1.0)
    fees = _fees(query.get("fees", ""), problems)
    most_followers = 1000.0 * budget / rate if budget and rate else None
    rows = _candidates(site, facts, request, fees, most_followers)
    candidates = [
        Candidate(row["account_id"], fee, row["followers"] * row["avg_engagement_rate"])
        for row in rows
        for fee in [fees.get(row["account_id"], None if rate is None else row["followers"] * rate / 1000.0)]
        if fee is not None
    ]
    chosen = None
    if budget is not None and candidates:
        kept = {candidate.account_id for candidate in candidates}
        places = _places([row for row in rows if row["account_id"] in kept])
        chosen = choose(candidates, budget=budget, most=min(most, 50), diversity=diversity, places=places)
    return site.page(
        request,
        "shortlist.html",
        facts,
        lists=list(site.lists.names()),
        source=source,
        most_of_each=MOST_OF_EACH,
        fewest_followers=site.shortlist_followers,
        chosen=chosen,
        candidates=len(candidates),
        rows={row["account_id"]: row for row in rows},
        problems=problems,
        query=query,
        kept={name: value for name, value in parameters(request).items() if name not in _OWN_PARAMETERS},
    )


_OWN_PARAMETERS = frozenset({"list", "budget", "rate", "most", "diversity", "fees"})


def _candidates(
    site: Site, facts: Facts, request: Request, fees: Mapping[str, float], most_followers: float | None
) -> list[dict[str, Any]]:
    """Return the creators to choose from: a list, or the best of the search in the address that fit the budget."""
    source = request.query_params.get("list", "")
    if source:
        _check_list(site, source)
        handles = [member.account_id for member in site.lists.members(source)][:MOST_CANDIDATES]
        found = _figures(site.published, facts, handles)
    else:
        found = _figures(site.published, facts, list(fees))
    if not source and most_followers is not None:
        search = usable(facts, read_search(parameters(request)))
        fits = "snapshot = ? and avg_engagement_rate is not null and followers between ? and ?"
        for order in ("followers * avg_engagement_rate", "avg_engagement_rate"):
            rows = site.published.rows(
                f"select {_COLUMNS} from {facts.source} where {fits} and {search.where} "
                f"order by {order} desc, account_id limit {MOST_OF_EACH}",
                [facts.snapshot, int(site.shortlist_followers), int(most_followers), *search.values],
            )
            found |= {str(row["account_id"]): row for row in rows}
    return [row for row in found.values() if row["avg_engagement_rate"] is not None]


_COLUMNS = "account_id, followers, avg_engagement_rate, times_expected, persona, likes_per_video, comment_share"


def _places(rows: Sequence[dict[str, Any]]) -> Any:  # noqa: ANN401 - an array
    """Return the place of each creator by size, engagement, likes and comments, each in standard deviations."""
    import numpy as np  # noqa: PLC0415

    raw = np.array(
        [
            [
                np.log1p(row["followers"]),
                np.log1p(100.0 * row["avg_engagement_rate"]),
                np.log1p(row["likes_per_video"] or 0.0),
                row["comment_share"] or 0.0,
            ]
            for row in rows
        ]
    )
    spread = raw.std(axis=0)
    return (raw - raw.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


def _fees(text: str, problems: list[str]) -> dict[str, float]:
    """Return the fee of each handle from lines such as ``some.creator 250``."""
    fees = {}
    for line in text.splitlines()[:MOST_CANDIDATES]:
        parts = line.replace("@", "").split()
        if len(parts) == 2 and (number := read_number(parts[1])) is not None and number >= 0:
            fees[parts[0]] = number
        elif parts:
            problems.append(f"Fees: expected a handle and an amount on each line, not {line.strip()[:60]}")
    return fees


def _number(text: str, label: str, problems: list[str]) -> float | None:
    if not text.strip():
        return None
    number = read_number(text)
    if number is None or number < 0:
        problems.append(f"{label}: expected a number such as 5,000, not {text.strip()[:60]}")
        return None
    return number


def _figures(published: Published, facts: Facts, handles: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the figures of today of the handles that the snapshot has, in the order given."""
    if not handles:
        return {}
    rows = published.rows(
        f"select {_COLUMNS} from {facts.source} where snapshot = ? and account_id in (select unnest(?::varchar[]))",
        [facts.snapshot, list(handles)],
    )
    found = {str(row["account_id"]): row for row in rows}
    return {handle: found[handle] for handle in handles if handle in found}


def _check_list(site: Site, name: str) -> None:
    if name not in site.lists.names():
        raise HTTPException(404, "There is no list of this name.")


def _to_list(name: str, unknown: Sequence[str] = ()) -> Response:
    """Lead to the list; the first handles that were not added are in the address, so that the page names them."""
    shown = [("unknown", handle[:LONGEST_HANDLE]) for handle in unknown[:MOST_UNKNOWN]]
    query = urlencode([*shown, ("more", len(unknown) - len(shown))] if len(unknown) > len(shown) else shown)
    address = f"/lists/{environment().filters['part'](name)}"
    return RedirectResponse(f"{address}?{query}" if query else address, 303)


def _first(form: Form, name: str) -> str:
    return (form.get(name) or [""])[0]
