"""Settings of the documentation site, which `make docs` builds."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]

from generate import write_pages  # noqa: E402 - the folder of this file is not a package

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "tiktok_pipeline"
author = "The tiktok_pipeline maintainers"
release = tomllib.loads((DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "_generated/*.md"]
default_role = "py:obj"
add_module_names = False
smartquotes_action = "D"  # dashes only
myst_heading_anchors = 3
suppress_warnings = [
    "ref.python",  # a docstring names a class without its module, and two modules have a class of that name
]

html_theme = "furo"
html_title = f"tiktok_pipeline {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_google_docstring = False
napoleon_numpy_docstring = True
napoleon_use_rtype = False


def setup(app: Sphinx) -> None:
    """Write the generated pages before Sphinx reads any page."""
    app.connect("config-inited", lambda *_: write_pages(DOCS))
