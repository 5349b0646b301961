"""The rules of the architecture, as a program: who imports whom, where the heavy libraries are, and how long things are.

Each rule takes one module and gives the places that break it; beside each stands a small module that breaks it, so that
one sees that the rule can fail.

Where the table allows more than design.md:
- the contract of a table is made and read through ``warehouse.contract``: by the schemas, the judge, the orchestration;
- ``validated.clean`` asks ``raw.dialects`` which kinds of file write the day first;
- ``run_study`` names the ``Engine`` of ``warehouse.base`` in its signatures, and the orchestration calls `run_study`;
- the command line works through ``assembly``, prints with ``tabulate``, and knows the errors of ``raw`` and ``study``.
It allows less where nothing needs it: the orchestration is handed its studies, the command line draws no reports.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import tiktok_pipeline
from tiktok_pipeline import STAGES
from tiktok_pipeline.orchestration.asset_keys import asset_key

PACKAGE = Path(tiktok_pipeline.__file__).parent
TESTS = Path(__file__).parent

BESIDE_STAGES = frozenset({"cli", "orchestration", "reports", "sample", "studies", "warehouse"})
SETTINGS_AND_CATALOGUES = frozenset(
    {"features.catalogue", "clusters.outliers", "clusters.scaling", "personas.catalogue", "classifiers.recipe"}
)

MAY_IMPORT: dict[str, frozenset[str]] = {
    # A stage: the contract of a table, and the schemas of the stages before it.
    **{
        stage: frozenset({"warehouse.base", *(f"{earlier}.schema" for earlier in STAGES[: STAGES.index(stage)])})
        for stage in STAGES
    },
    "study": SETTINGS_AND_CATALOGUES,
    "studies": SETTINGS_AND_CATALOGUES | {"study"},
    "run_study": frozenset({"study", "features.*", "clusters.*", "personas.*", "classifiers.*", "warehouse.base"}),
    "orchestration": frozenset(
        {*(f"{stage}.*" for stage in STAGES), "reports.*", "run_study", "study", "settings"}
        | {"warehouse.base", "warehouse.contract"}
    ),
    "assembly": frozenset({"orchestration.*", "warehouse.base", "warehouse.duckdb", "settings", "study", "studies"}),
    "definitions": frozenset({"assembly", "settings"}),
    "cli": frozenset(
        {"assembly", "orchestration.*", "warehouse.*", "settings", "study", "studies"}
        | {"sample", "reports.*", "run_study", "tabulate", "raw.dialects", "raw.lines", "raw.redact", "raw.snapshots"}
    ),
    "__main__": frozenset({"cli"}),
    # These know nothing else of the package.
    **dict.fromkeys(("", "warehouse", "reports", "sample", "settings", "tabulate"), frozenset[str]()),
}
"""For each room (or module at the top) what it may import of the package beside itself; ``x.*`` is all of room x."""

MAY_IMPORT_TOO: dict[str, frozenset[str]] = {
    **{f"{stage}.schema": frozenset({"warehouse.contract"}) for stage in STAGES},
    "validated.judge": frozenset({"warehouse.contract"}),
    "validated.clean": frozenset({"raw.dialects"}),
    # The search is no part of a refresh, so no asset stands between the command and the stage.
    "cli.tuning": frozenset({"classifiers.*"}),
}
"""What single modules may import beyond their room."""

LIBRARIES: dict[str, frozenset[str]] = {
    "dagster": frozenset({"orchestration", "assembly"}),
    "duckdb": frozenset({"warehouse"}),
    "sklearn": frozenset(),
    "torch": frozenset(),
}
"""Where a heavy library may be imported at the top of a module."""

LIBRARIES_INSIDE_FUNCTIONS: dict[str, frozenset[str]] = {
    "dagster": LIBRARIES["dagster"] | {"cli"},
    "duckdb": LIBRARIES["duckdb"],
    "sklearn": frozenset({"clusters", "classifiers"}),
    "torch": frozenset({"clusters", "classifiers"}),
}
"""Where it may be imported inside a function, or for the type checker only."""

READ_THE_ENVIRONMENT = frozenset({"settings", "cli", "cli.home"})
READ_SETTINGS = frozenset({"settings", "definitions", "cli", "cli.messages"})
VAGUE_NAMES = frozenset({"utils", "util", "helpers", "helper", "common", "constants", "lib", "misc"})
LONGEST_FILE = 400
LONGEST_BODY = 60


@dataclass(frozen=True)
class Module:
    """One module by its dotted name below the package ("" for the package itself) and its text."""

    name: str
    source: str

    @property
    def room(self) -> str:
        """The folder that it lies in, or itself where it lies at the top."""
        return self.name.partition(".")[0]

    @property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.source)


@cache
def modules() -> tuple[Module, ...]:
    """Every module of the package."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        found.append(Module(name, path.read_text(encoding="utf-8")))
    return tuple(found)


def imports(module: Module) -> Iterator[tuple[str, bool, int]]:
    """Each import as (dotted name, whether it runs only inside a function or for the type checker, line).

    ``from a import b`` is given as ``a.b``: whether b is a module or a name in a is for the caller to tell.
    """

    def walk(node: ast.AST, *, deferred: bool) -> Iterator[tuple[str, bool, int]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from ((alias.name, deferred, child.lineno) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                start = "." * child.level + (child.module or "")
                yield from ((f"{start}.{alias.name}", deferred, child.lineno) for alias in child.names)
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            typing_only = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            yield from walk(child, deferred=deferred or inside or typing_only)

    yield from walk(module.tree, deferred=False)


def forbidden_imports(module: Module) -> list[str]:
    """Imports inside the package that its table does not allow; a room that the table does not know may import nothing."""
    known = {one.name for one in modules()}
    allowed = MAY_IMPORT.get(module.room, frozenset()) | MAY_IMPORT_TOO.get(module.name, frozenset())
    wrong = [] if module.room in MAY_IMPORT else [f"{module.name}: its room is not in MAY_IMPORT"]
    for name, _, line in imports(module):
        if name.startswith("."):
            wrong.append(f"{module.name}:{line} imports by a relative path")
            continue
        package, _, target = name.partition(".")
        if package != "tiktok_pipeline":
            continue
        target = target if target in known else target.rpartition(".")[0]
        room = target.partition(".")[0]
        own = room == module.room or target == ""
        if not own and target not in allowed and f"{room}.*" not in allowed:
            wrong.append(f"{module.name}:{line} imports {target}")
    return wrong


def forbidden_libraries(module: Module) -> list[str]:
    """Imports of a heavy library outside of its rooms, or at the top of a module where only functions may."""
    wrong = []
    for name, deferred, line in imports(module):
        library = name.partition(".")[0].partition("_")[0]
        rooms = (LIBRARIES_INSIDE_FUNCTIONS if deferred else LIBRARIES).get(library)
        if rooms is not None and module.room not in rooms:
            wrong.append(f"{module.name}:{line} imports {library}{'' if deferred else ' at the top'}")
    return wrong


def vague_names(module: Module) -> list[str]:
    """A module or folder named after nothing."""
    return [
        f"{module.name}: {part} says nothing" for part in module.name.split(".") if part.strip("_") in VAGUE_NAMES
    ]


def environment_reads(module: Module) -> list[str]:
    """Reads of the environment outside of `READ_THE_ENVIRONMENT`; settings are made in `READ_SETTINGS` only."""
    wrong = []
    for node in ast.walk(module.tree):
        text = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
        if (
            text in ("os.environ", "os.environb", "os.getenv", "os.putenv")
            and module.name not in READ_THE_ENVIRONMENT
        ):
            wrong.append(f"{module.name}:{getattr(node, 'lineno', 0)} {text}")
        if text == "Settings.from_env" and module.name not in READ_SETTINGS:
            wrong.append(f"{module.name}:{getattr(node, 'lineno', 0)} {text}")
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            names = {alias.name for alias in node.names} & {"environ", "environb", "getenv", "putenv"}
            wrong += [f"{module.name}:{node.lineno} from os import {name}" for name in sorted(names)]
    return wrong


def paths_from_the_working_directory(module: Module) -> list[str]:
    """Paths that depend on where the process was started, outside of the command line and the settings."""
    if module.name in READ_THE_ENVIRONMENT:
        return []
    wrong = []
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        first = node.args[0] if node.args else None
        literal = isinstance(first, ast.Constant) and isinstance(first.value, str) and not first.value.startswith("/")
        asked = called in ("Path.cwd", "os.getcwd", "os.getcwdb", "os.chdir", "os.path.abspath")
        relative = called in ("Path", "pathlib.Path", "open") and (literal or first is None)
        if asked or relative:
            wrong.append(f"{module.name}:{node.lineno} {ast.unparse(node)}")
    return wrong


def missing_docstrings(module: Module) -> list[str]:
    """A module, public class or public function without a docstring."""
    wrong = [] if ast.get_docstring(module.tree) else [f"{module.name}: no docstring"]

    def walk(body: list[ast.stmt], owner: str) -> None:
        for node in body:
            named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            if not named or node.name.startswith("_"):
                continue
            if not ast.get_docstring(node):
                wrong.append(f"{owner}.{node.name}:{node.lineno} no docstring")
            if isinstance(node, ast.ClassDef):
                walk(node.body, f"{owner}.{node.name}")

    walk(module.tree.body, module.name)
    return wrong


def too_long(module: Module) -> list[str]:
    """A file of more than 400 lines, a function body of more than 60."""
    lines = len(module.source.splitlines())
    wrong = [f"{module.name}: {lines} lines, at most {LONGEST_FILE}"] if lines > LONGEST_FILE else []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = (node.end_lineno or 0) - node.body[0].lineno + 1
            if body > LONGEST_BODY:
                wrong.append(f"{module.name}.{node.name}: a body of {body} lines, at most {LONGEST_BODY}")
    return wrong


Rule = Callable[[Module], list[str]]
DOC = '"""Says what it is."""\n'
BROKEN: dict[Rule, list[tuple[str, str]]] = {
    forbidden_imports: [
        ("features.build", "from tiktok_pipeline.validated.validate import judge"),
        ("features.build", "from tiktok_pipeline.clusters import schema"),
        ("features.build", "from tiktok_pipeline.warehouse.contract import rules"),
        ("raw.read", "def read():\n    from tiktok_pipeline.validated import schema"),
        ("clusters.model", "import tiktok_pipeline.warehouse.duckdb.warehouse"),
        ("warehouse.duckdb", "from tiktok_pipeline.raw.schema import PROFILES"),
        ("reports.segments", "from tiktok_pipeline.study import Study"),
        ("study", "from tiktok_pipeline.clusters.model import assign"),
        ("studies.new", "from tiktok_pipeline.clusters import choose_k"),
        ("run_study", "from tiktok_pipeline.tables import TABLES"),
        ("run_study", "from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse"),
        ("orchestration.refresh", "from tiktok_pipeline.warehouse.duckdb.connection import query"),
        ("orchestration.refresh", "import tiktok_pipeline.studies"),
        ("features.build", "from tiktok_pipeline import settings"),
        ("features.build", "from . import catalogue"),
        ("helpers", ""),
        (
            "raw.read",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from tiktok_pipeline.study import Study",
        ),
    ],
    forbidden_libraries: [
        ("run_study", "import dagster"),
        ("features.build", "from dagster import AssetKey"),
        ("cli", "import dagster"),
        ("reports.segments", "import dagster_webserver"),
        ("features.sample", "def take():\n    import duckdb"),
        ("orchestration.io_manager", "from duckdb import connect"),
        ("clusters.model", "from sklearn.cluster import KMeans"),
        ("clusters.model", "class A:\n    import sklearn"),
        ("run_study", "def run():\n    import sklearn.metrics"),
        ("classifiers.models", "try:\n    import torch\nexcept ImportError:\n    torch = None"),
    ],
    vague_names: [("raw.utils", ""), ("helpers.text", ""), ("constants", ""), ("raw._common", "")],
    environment_reads: [
        ("raw.read", "import os\nHOME = os.environ['HOME']"),
        ("warehouse.duckdb", "import os\ndef f():\n    return os.getenv('X')"),
        ("reports.segments", "from os import environ"),
        ("orchestration.refresh", "settings = Settings.from_env()"),
    ],
    paths_from_the_working_directory: [
        ("raw.read", "Path('data') / 'raw'"),
        ("raw.read", "Path()"),
        ("raw.read", "Path.cwd()"),
        ("raw.read", "import os\nos.getcwd()"),
        ("reports.segments", "open('out.png')"),
    ],
    missing_docstrings: [
        ("raw.read", "x = 1"),
        ("raw.read", DOC + "def read(): ..."),
        ("raw.read", DOC + "class Reader: ..."),
        ("raw.read", DOC + "class Reader:\n    'Reads.'\n    def read(self): ..."),
        ("raw.read", DOC + "async def read(): ..."),
    ],
    too_long: [
        ("raw.read", "x = 1\n" * 401),
        ("raw.read", "def read():\n" + "    x = 1\n" * 61),
        ("raw.read", "class A:\n    def read(self):\n" + "        x = 1\n" * 61),
    ],
}
FINE: dict[Rule, list[tuple[str, str]]] = {
    forbidden_imports: [
        (
            "features.build",
            "from tiktok_pipeline.features import catalogue\nfrom tiktok_pipeline.raw.schema import FILES",
        ),
        ("clusters.schema", "from tiktok_pipeline.warehouse.contract import schema_for\nimport pandas"),
        ("classifiers.labels", "from tiktok_pipeline.features import schema\nfrom tiktok_pipeline import STAGES"),
        ("orchestration.refresh", "from tiktok_pipeline.validated.validate import judge"),
    ],
    forbidden_libraries: [
        ("assembly", "import dagster"),
        ("cli", "def ui():\n    import dagster"),
        ("cli", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from dagster import AssetKey"),
        ("warehouse.duckdb", "import duckdb"),
        ("classifiers.models", "class Net:\n    def fit(self):\n        import torch"),
    ],
    vague_names: [("raw.library", ""), ("", "")],
    environment_reads: [("settings", "import os\nos.environ"), ("raw.read", "import os\nos.path.join('a', 'b')")],
    paths_from_the_working_directory: [("raw.read", "Path('/dev/null')\nPath(folder)"), ("cli", "Path('.')")],
    missing_docstrings: [("raw.read", DOC + "def _read():\n    def inner(): ...")],
    too_long: [("raw.read", "x = 1\n" * 400), ("raw.read", "def read():\n" + "    x = 1\n" * 60)],
}
RULES = list(BROKEN)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_its_rules(rule: Rule) -> None:
    assert [place for module in modules() for place in rule(module)] == []


@pytest.mark.parametrize(
    ("rule", "name", "source"),
    [(rule, *example) for rule, examples in BROKEN.items() for example in examples],
    ids=lambda one: getattr(one, "__name__", None),
)
def test_a_rule_sees_what_breaks_it(rule: Rule, name: str, source: str) -> None:
    assert rule(Module(name, source))


@pytest.mark.parametrize(
    ("rule", "name", "source"),
    [(rule, *example) for rule, examples in FINE.items() for example in examples],
    ids=lambda one: getattr(one, "__name__", None),
)
def test_a_rule_lets_pass_what_is_fine(rule: Rule, name: str, source: str) -> None:
    assert rule(Module(name, source)) == []


def stage_disagreements(stages: tuple[str, ...], **places: list[str]) -> list[str]:
    """Places whose stages are others than ``stages``, or the same in another order."""
    return [f"{place}: {found}, not {list(stages)}" for place, found in places.items() if found != list(stages)]


def folders(root: Path) -> list[str]:
    """The packages of a folder in the order of `STAGES`; what is no stage comes last."""
    found = {path.parent.name for path in root.glob("*/__init__.py")} - BESIDE_STAGES
    return sorted(found, key=lambda name: (STAGES.index(name) if name in STAGES else len(STAGES), name))


def test_folders_and_folders_of_tests_are_the_stages() -> None:
    assert stage_disagreements(STAGES, folders=folders(PACKAGE), tests=folders(TESTS)) == []
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms == BESIDE_STAGES | set(STAGES)
    assert {path.parent.name for path in TESTS.glob("*/__init__.py")} <= rooms


def test_schemas_and_asset_keys_are_the_stages(tmp_path: Path) -> None:
    from tiktok_pipeline.assembly import build_definitions
    from tiktok_pipeline.settings import Settings
    from tiktok_pipeline.tables import TABLES

    with_tables = tuple(stage for stage in STAGES if (PACKAGE / stage / "schema.py").is_file())
    graph = build_definitions(Settings(home=tmp_path)).resolve_asset_graph()
    first_parts = {key.path[0] for key in graph.get_all_asset_keys()} - {"incoming", "published", "report"}
    schemas = list(dict.fromkeys(table.spec.schema for table in TABLES.values()))
    keys = [stage for stage in STAGES if stage in first_parts] + sorted(first_parts - set(STAGES))
    assert stage_disagreements(with_tables, schemas=schemas, keys=keys) == []
    assert all(
        asset_key(str(table.spec), "x").path == [table.spec.schema, "x", table.spec.name] for table in TABLES.values()
    )


def test_a_stage_out_of_place_would_be_seen() -> None:
    assert stage_disagreements(("a", "b"), folders=["b", "a"])
    assert stage_disagreements(("a", "b"), folders=["a"], tests=["a", "b", "c"])
    assert stage_disagreements(("a", "b"), folders=["a", "b"]) == []
