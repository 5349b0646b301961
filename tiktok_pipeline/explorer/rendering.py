"""Jinja for the pages: every text is escaped, hidden characters are shown, numbers are written in one style."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tiktok_pipeline.explorer.fields import FIELDS, written
from tiktok_pipeline.output.number_format import format_count, format_number, format_percent, format_si
from tiktok_pipeline.output.profile_link import profile_address
from tiktok_pipeline.safe_text import visible_text

TEMPLATES = Path(__file__).with_name("templates")
LONGEST_SHOWN = 600


def card_address(account_id: str) -> str:
    """Return the address of a creator's card."""
    return f"/creator/{quote(account_id, safe='')}"


def render(template: str, **context: Any) -> str:  # noqa: ANN401 - what a template reads
    """Return a page as HTML."""
    return environment().get_template(template).render(**context)


@cache
def environment() -> Environment:
    """Return the environment of the templates."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": format_count,
        "number": format_number,
        "percent": format_percent,
        "si": format_si,
        "field": lambda value, name: written(value, FIELDS[name].unit),
        "shown": lambda text: visible_text(str(text), max_characters=LONGEST_SHOWN),
        "card": card_address,
        "profile": profile_address,
        "query": lambda pairs: urlencode(pairs, doseq=True),
        "part": lambda text: quote(str(text), safe=""),
    }
    environment.globals |= {"FIELDS": FIELDS}
    return environment
