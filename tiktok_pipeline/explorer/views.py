"""The pages that read the published file: each reads its address, asks one function, and fills one template."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tiktok_pipeline.creators.figures import FEW_VIDEOS
from tiktok_pipeline.explorer.compare_page import MOST_COMPARED, compare
from tiktok_pipeline.explorer.creator_page import last_seen, present_handle, read_card
from tiktok_pipeline.explorer.exports import column_notes, descriptions, export_query
from tiktok_pipeline.explorer.market_pages import (
    GROUPINGS,
    read_about,
    read_benchmarks,
    read_notices,
    read_personas,
)
from tiktok_pipeline.explorer.rendering import card_address
from tiktok_pipeline.explorer.search import read_search
from tiktok_pipeline.explorer.search_page import offered_filters, offered_sorts, run_search, usable
from tiktok_pipeline.explorer.site import Site, as_file, check_ending, page_number, parameters


def search(site: Site, request: Request) -> Response:
    """Show the creators that fit the filters of the address."""
    facts = site.published.facts()
    asked = usable(facts, read_search(parameters(request)))
    results = run_search(site.published, facts, asked)
    return site.page(
        request,
        "search.html",
        facts,
        search=asked,
        page_address=lambda page: f"/?{asked.address(page=page)}",
        results=results,
        filters=offered_filters(facts),
        sorts=offered_sorts(facts),
        lists=list(site.lists.names()),
    )


def export(site: Site, request: Request) -> Response:
    """Send all creators that fit the filters of the address as a file."""
    ending = check_ending(request.path_params["ending"])
    facts = site.published.facts()
    asked = usable(facts, read_search(parameters(request)))
    results = run_search(site.published, facts, asked)
    text, values = export_query(facts, asked)
    described = descriptions(site.published)
    with site.published.reader.batches(text, values) as (schema, batches):
        notes = column_notes(schema, described)
        return as_file(f"creators_{facts.snapshot}.{ending}", schema, batches, results.found, notes)


def creator(site: Site, request: Request) -> Response:
    """Show the card of one creator; an earlier handle leads to the present one."""
    facts = site.published.facts()
    account_id = request.path_params["account_id"].removeprefix("@")
    card = read_card(site.published, facts, account_id)
    if card is None:
        renamed = present_handle(site.published, facts, account_id)
        if renamed:
            return RedirectResponse(card_address(renamed), 302)
        seen = last_seen(site.published, account_id)
        known = f"it was last seen in snapshot {seen}" if seen else "no snapshot has it"
        raise HTTPException(404, f"Snapshot {facts.snapshot} has no creator with this handle; {known}.")
    return site.page(request, "creator.html", facts, card=card, few_videos=FEW_VIDEOS, lists=list(site.lists.names()))


def compare_creators(site: Site, request: Request) -> Response:
    """Show some creators side by side."""
    facts = site.published.facts()
    typed = " ".join(request.query_params.getlist("add")).replace(",", " ").split()
    wanted = [handle.removeprefix("@")[:64] for handle in [*request.query_params.getlist("id"), *typed]]
    compared = compare(site.published, facts, wanted)
    return site.page(
        request,
        "compare.html",
        facts,
        compared=compared,
        left_out=max(0, len(set(wanted)) - MOST_COMPARED),
        most=MOST_COMPARED,
        lists=list(site.lists.names()),
    )


def benchmarks(site: Site, request: Request) -> Response:
    """Show what is usual in each group."""
    facts = site.published.facts()
    grouping = request.query_params.get("by", "tier")
    if grouping not in GROUPINGS:
        raise HTTPException(404, f"benchmarks are by {', '.join(GROUPINGS)}")
    tables = read_benchmarks(site.published, facts, grouping)
    return site.page(request, "benchmarks.html", facts, tables=tables, grouping=grouping, groupings=GROUPINGS)


def notices(site: Site, request: Request) -> Response:
    """Show what is unusual."""
    facts = site.published.facts()
    kind = request.query_params.get("kind", "")[:60]
    page = page_number(request)
    found = read_notices(site.published, facts, kind, page)
    return site.page(request, "notices.html", facts, notices=found, kind=kind, page=page)


def personas(site: Site, request: Request) -> Response:
    """Show the segments of the study and who moved between them."""
    facts = site.published.facts()
    if not facts.study:
        raise HTTPException(404, "There are no personas yet: run `tiktok-pipeline refresh --all`.")
    return site.page(request, "personas.html", facts, personas=read_personas(site.published, facts))


def about(site: Site, request: Request) -> Response:
    """Show where the figures are from and how they are made."""
    facts = site.published.facts()
    return site.page(request, "about.html", facts, **read_about(site.published, facts))
