"""Renders what each folder and each module beside the folders is for, from the first sentence of its docstring."""

from __future__ import annotations

import ast
from pathlib import Path

import tiktok_pipeline
from generate.markdown import code, paragraphs, table

PACKAGE = Path(tiktok_pipeline.__file__).parent


def render() -> str:
    """Return one table of the folders, those in a folder after it, and one of the modules beside them."""
    folders = sorted(path.parent for path in PACKAGE.rglob("*/__init__.py"))
    modules = sorted(path for path in PACKAGE.glob("*.py") if not path.stem.startswith("__"))
    return paragraphs(
        table(
            ["Folder", "Content"],
            [[_link(path.relative_to(PACKAGE)), _summary(path / "__init__.py")] for path in folders],
        ),
        table(["Module", "Content"], [[code(path.name), _summary(path)] for path in modules]),
    )


def _link(folder: Path) -> str:
    return f"[{code(f'{folder.as_posix()}/')}](api/{'.'.join(folder.parts)}.rst)"


def _summary(path: Path) -> str:
    """Return the first paragraph of a module's docstring; its backticks mark code in Markdown, too."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("``", "`").replace("|", "\\|")
