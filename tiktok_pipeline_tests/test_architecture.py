"""The rules of the architecture as a program: who imports whom, where the heavy libraries are, how long things are.

Each rule takes one module and returns the places that break it. Beside each rule is a small module that breaks it, so
that a reader sees that the rule can fail. `/docs` explains the rooms; this file holds the code to them.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import tiktok_pipeline
from tiktok_pipeline import STAGES
from tiktok_pipeline.orchestration.asset_keys import asset_key, table_of

PACKAGE = Path(tiktok_pipeline.__file__).parent
TESTS = Path(__file__).parent

BASE = frozenset(
    {
        "arrays",
        "errors",
        "safe_text",
        "atomic_write",
        "missing_values",
        "number_words",
        "text_files",
        "text_parquet",
        "truth_words",
    }
    | {"frames", "processes"}
)
"""Small modules at the top level, each one idea, that every room may import."""

BESIDE_STAGES = frozenset(
    {
        "analysis",
        "cli",
        "delivery",
        "explorer",
        "home",
        "ingest",
        "orchestration",
        "output",
        "plots",
        "privacy",
        "recipes",
        "reports",
        "sample",
        "studies",
    }
    | {"upkeep", "warehouse", "web"}
)
WITH_RECIPES = frozenset({"clusters", "personas", "classifiers"})
"""The stages whose settings a study writes down; their classes are in ``recipes``."""

ALL_STAGES = frozenset(f"{stage}.*" for stage in STAGES)

MAY_IMPORT: dict[str, frozenset[str]] = {
    # A stage: the contract of a table, and the schemas of the earlier stages.
    **{
        stage: frozenset({"warehouse.base", *(f"{earlier}.schema" for earlier in STAGES[: STAGES.index(stage)])})
        | ({"recipes.*"} if stage in WITH_RECIPES else set())
        for stage in STAGES
    },
    **dict.fromkeys(
        ("", "program_version", *sorted(BASE), "settings", "recipes", "warehouse", "sample", "output"),
        frozenset[str](),
    ),
    "web": frozenset(),
    "study": frozenset({"recipes.*", "features.catalog"}),
    "studies": frozenset({"recipes.*", "study"}),
    "tables": frozenset(
        {*(f"{stage}.schema" for stage in STAGES), "creators.peer_schema", "personas.segment_views", "study"}
    )
    | {"warehouse.base", "warehouse.contract"},
    "analysis": ALL_STAGES | {"recipes.*", "study", "warehouse.base"},
    "plots": frozenset({"features.catalog", "features.feature", "personas.verdict", "output.*"}),
    "reports": ALL_STAGES | {"analysis.*", "output.*", "plots.*", "recipes.*", "study", "tables", "warehouse.base"},
    "delivery": frozenset({"warehouse.base"}),
    "explorer": frozenset(
        {
            "clusters.border",
            "creators.figures",
            "personas.verdict",
            "delivery.*",
            "output.*",
            "warehouse.base",
            "web.*",
        }
    )
    | {"warehouse.duckdb.migrations", "warehouse.duckdb.shared_reader"},
    "home": frozenset({"settings"}),
    "privacy": frozenset({"home.*", "raw.*", "validated.clean", "validated.identity", "settings", "warehouse.base"}),
    "ingest": frozenset(
        {
            "delivery.*",
            "program_version",
            "raw.*",
            "validated.*",
            "privacy.*",
            "home.*",
            "settings",
            "warehouse.base",
        }
    ),
    "upkeep": frozenset(
        {
            "creators.figures",
            "personas.verdict",
            "explorer.lists",
            "raw.*",
            "ingest.*",
            "privacy.*",
            "home.*",
            "program_version",
            "settings",
            "study",
            "tables",
            "warehouse.base",
        }
    ),
    "orchestration": ALL_STAGES
    | {
        "analysis.*",
        "explorer.lists",
        "home.*",
        "ingest.*",
        "plots.*",
        "program_version",
        "privacy.*",
        "recipes.*",
        "reports.*",
        "settings",
        "study",
        "tables",
        "upkeep.*",
        "web.*",
    }
    | {"warehouse.base", "warehouse.contract"},
    "assembly": frozenset({"orchestration.*", "ingest.*", "warehouse.*", "settings", "study", "studies"}),
    "definitions": frozenset({"assembly", "settings"}),
    "cli": frozenset(
        {"assembly", "analysis.*", "explorer.*", "home.*", "ingest.*", "orchestration.*", "output.*", "privacy.*"}
    )
    | {
        "classifiers.card_items",
        "raw.*",
        "program_version",
        "recipes.*",
        "reports.*",
        "sample",
        "sample.*",
        "settings",
        "study",
        "studies",
        "tables",
        "upkeep.*",
        "warehouse.*",
    },
    "__main__": frozenset({"cli.app"}),
}
"""What each room (or module at the top level) may import beside itself and `BASE`; ``x.*`` is all of room x."""

MAY_IMPORT_TOO: dict[str, frozenset[str]] = {
    **{f"{stage}.schema": frozenset({"warehouse.contract"}) for stage in STAGES},
    "validated.validate": frozenset({"warehouse.contract"}),
    # Which ids are real is decided in one place.
    "creators.identify": frozenset({"validated.identity"}),
    "creators.peer_schema": frozenset({"warehouse.contract"}),
    "validated.clean": frozenset({"raw.dialects"}),
    # A short list is read and scored without a warehouse file and without a run.
    "cli.score": frozenset({"classifiers.*", "clusters.*", "validated.schema"}),
    # The search for network settings is not part of a refresh: no asset stands between the command and the stage.
    "cli.tune": frozenset({"classifiers.*"}),
}
"""What single modules may import beyond their room."""

LIBRARIES: dict[str, frozenset[str]] = {
    "dagster": frozenset({"orchestration", "assembly"}),
    "duckdb": frozenset({"warehouse"}),
    "matplotlib": frozenset(),
    "pysail": frozenset(),
    "pyspark": frozenset(),
    "sklearn": frozenset(),
    "torch": frozenset(),
}
"""Where a heavy library may be imported at the top of a module."""

LIBRARIES_INSIDE_FUNCTIONS: dict[str, frozenset[str]] = {
    "dagster": LIBRARIES["dagster"] | {"cli"},
    "duckdb": LIBRARIES["duckdb"],
    "matplotlib": frozenset({"plots", "reports", "orchestration"}),
    "pysail": frozenset({"warehouse"}),
    "pyspark": frozenset({"warehouse"}),
    "sklearn": frozenset({"clusters", "classifiers"}),
    "torch": frozenset({"clusters", "classifiers"}),
}
"""Where it may be imported inside a function, or for the type checker only."""

READ_THE_ENVIRONMENT = frozenset(
    {"settings", "cli.app", "cli.ui", "orchestration.runs.instance", "warehouse.spark.servers"}
)
READ_SETTINGS = frozenset({"settings", "definitions", "cli.console"})
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
    """Return imports that `MAY_IMPORT` does not allow; a room that it does not list may import nothing."""
    known = {known_module.name for known_module in modules()}
    allowed = BASE | MAY_IMPORT.get(module.room, frozenset()) | MAY_IMPORT_TOO.get(module.name, frozenset())
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
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            if node.name.startswith("_"):
                continue
            if not ast.get_docstring(node):
                wrong.append(f"{owner}.{node.name}:{node.lineno} no docstring")
            if isinstance(node, ast.ClassDef):
                walk(node.body, f"{owner}.{node.name}")

    walk(module.tree.body, module.name)
    return wrong


def too_long(module: Module) -> list[str]:
    """A file of more than 400 lines, a function body of more than 60 without its docstring."""
    lines = len(module.source.splitlines())
    wrong = [f"{module.name}: {lines} lines, at most {LONGEST_FILE}"] if lines > LONGEST_FILE else []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            statements = node.body[1:] if ast.get_docstring(node) else node.body
            body = (node.end_lineno or 0) - statements[0].lineno + 1 if statements else 0
            if body > LONGEST_BODY:
                wrong.append(f"{module.name}.{node.name}: a body of {body} lines, at most {LONGEST_BODY}")
    return wrong


def opaque_variables(module: Module) -> list[str]:
    """Variables named ``one``: the name of the thing says more."""
    return [
        f"{module.name}:{node.lineno} a variable named one"
        for node in ast.walk(module.tree)
        if (isinstance(node, ast.Name) and node.id == "one" and isinstance(node.ctx, ast.Store))
        or (isinstance(node, ast.arg) and node.arg == "one")
    ]


Rule = Callable[[Module], list[str]]
DOC = '"""Says what it is."""\n'
BROKEN: dict[Rule, list[tuple[str, str]]] = {
    forbidden_imports: [
        ("features.build", "from tiktok_pipeline.validated.validate import validate_source"),
        ("features.build", "from tiktok_pipeline.clusters import schema"),
        ("features.build", "from tiktok_pipeline.warehouse.contract import rules"),
        ("raw.read", "def read():\n    from tiktok_pipeline.validated import schema"),
        ("clusters.model", "import tiktok_pipeline.warehouse.duckdb.warehouse"),
        ("warehouse.duckdb.warehouse", "from tiktok_pipeline.raw.schema import PROFILES"),
        ("plots.segments", "from tiktok_pipeline.study import Study"),
        ("reports.gather", "from tiktok_pipeline.orchestration.resources.figures import FigureStore"),
        ("ingest.register", "from tiktok_pipeline.orchestration.runs.refresh import refresh_snapshot"),
        ("privacy.redact", "from tiktok_pipeline.ingest.register import register"),
        ("home.lock", "from tiktok_pipeline.ingest.inbox import ingest_inbox"),
        ("upkeep.doctor", "from tiktok_pipeline.orchestration.partitions import known_snapshots"),
        ("study", "from tiktok_pipeline.clusters.model import assign"),
        ("studies.new", "from tiktok_pipeline.clusters import choose_k"),
        ("recipes.segmentation", "from tiktok_pipeline.clusters.model import assign"),
        ("features.build", "from tiktok_pipeline.recipes.segmentation import Scaling"),
        ("analysis.run_study", "from tiktok_pipeline.tables import TABLES"),
        ("analysis.run_study", "from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse"),
        ("orchestration.runs.refresh", "from tiktok_pipeline.warehouse.duckdb.connection import query"),
        ("orchestration.runs.refresh", "import tiktok_pipeline.studies"),
        ("features.build", "from tiktok_pipeline import settings"),
        ("features.build", "from . import catalog"),
        ("errors", "from tiktok_pipeline.settings import Settings"),
        ("helpers", ""),
        (
            "raw.read",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from tiktok_pipeline.study import Study",
        ),
    ],
    forbidden_libraries: [
        ("analysis.run_study", "import dagster"),
        ("features.build", "from dagster import AssetKey"),
        ("cli.app", "import dagster"),
        ("plots.segments", "import dagster_webserver"),
        ("plots.segments", "import matplotlib.pyplot"),
        ("upkeep.prune", "from dagster import DagsterInstance"),
        ("features.sample", "def sample():\n    import duckdb"),
        ("orchestration.resources.io_manager", "from duckdb import connect"),
        ("clusters.model", "from sklearn.cluster import KMeans"),
        ("clusters.model", "class A:\n    import sklearn"),
        ("analysis.run_study", "def run():\n    import sklearn.metrics"),
        ("classifiers.models", "try:\n    import torch\nexcept ImportError:\n    torch = None"),
    ],
    vague_names: [("raw.utils", ""), ("helpers.text", ""), ("constants", ""), ("raw._common", "")],
    environment_reads: [
        ("raw.read", "import os\nHOME = os.environ['HOME']"),
        ("warehouse.duckdb.warehouse", "import os\ndef f():\n    return os.getenv('X')"),
        ("plots.segments", "from os import environ"),
        ("orchestration.runs.refresh", "settings = Settings.from_env()"),
    ],
    paths_from_the_working_directory: [
        ("raw.read", "Path('data') / 'raw'"),
        ("raw.read", "Path()"),
        ("raw.read", "Path.cwd()"),
        ("raw.read", "import os\nos.getcwd()"),
        ("plots.segments", "open('out.png')"),
    ],
    missing_docstrings: [
        ("raw.read", "x = 1"),
        ("raw.read", DOC + "def read(): ..."),
        ("raw.read", DOC + "class Reader: ..."),
        ("raw.read", DOC + "class Reader:\n    'Reads.'\n    def read(self): ..."),
        ("raw.read", DOC + "async def read(): ..."),
    ],
    opaque_variables: [
        ("raw.read", "names = [one.name for one in rows]"),
        ("raw.read", "names = sorted(rows, key=lambda one: one.name)"),
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
            "from tiktok_pipeline.features import catalog\nfrom tiktok_pipeline.raw.schema import FILES",
        ),
        ("clusters.schema", "from tiktok_pipeline.warehouse.contract import schema_for\nimport pandas"),
        ("classifiers.labels", "from tiktok_pipeline.features import schema\nfrom tiktok_pipeline import STAGES"),
        ("orchestration.runs.refresh", "from tiktok_pipeline.validated.validate import validate_source"),
        ("plots.segments", "from tiktok_pipeline.safe_text import one_line"),
    ],
    forbidden_libraries: [
        ("assembly", "import dagster"),
        ("cli.ui", "def ui():\n    import dagster"),
        ("cli.ui", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from dagster import AssetKey"),
        ("warehouse.duckdb.warehouse", "import duckdb"),
        ("classifiers.models", "class Net:\n    def fit(self):\n        import torch"),
    ],
    vague_names: [("raw.library", ""), ("", "")],
    environment_reads: [("settings", "import os\nos.environ"), ("raw.read", "import os\nos.path.join('a', 'b')")],
    paths_from_the_working_directory: [("raw.read", "Path('/dev/null')\nPath(folder)"), ("cli.app", "Path('.')")],
    missing_docstrings: [("raw.read", DOC + "def _read():\n    def inner(): ...")],
    opaque_variables: [("raw.read", "names = [row.name for row in rows]\none_line(name)")],
    too_long: [
        ("raw.read", "x = 1\n" * 400),
        ("raw.read", "def read():\n    '''Reads.\n\n    More.'''\n" + "    x = 1\n" * 60),
    ],
}
RULES = list(BROKEN)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_its_rules(rule: Rule) -> None:
    assert [place for module in modules() for place in rule(module)] == []


@pytest.mark.parametrize(
    ("rule", "name", "source"),
    [(rule, *example) for rule, examples in BROKEN.items() for example in examples],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_rule_sees_what_breaks_it(rule: Rule, name: str, source: str) -> None:
    assert rule(Module(name, source))


@pytest.mark.parametrize(
    ("rule", "name", "source"),
    [(rule, *example) for rule, examples in FINE.items() for example in examples],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_rule_lets_pass_what_is_fine(rule: Rule, name: str, source: str) -> None:
    assert rule(Module(name, source)) == []


def imported_modules(module: Module, known: frozenset[str]) -> frozenset[str]:
    """Return the modules of the package that a module imports, also inside functions and for the type checker."""
    targets = set()
    for name, _, _ in imports(module):
        package, _, target = name.partition(".")
        if package == "tiktok_pipeline":
            targets.add(target if target in known else target.rpartition(".")[0])
    return frozenset(targets - {"", module.name})


def circles(imported: Mapping[str, frozenset[str]]) -> list[str]:
    """Return the import circles of a graph (name -> the names it imports), each as one text."""
    found: set[frozenset[str]] = set()
    finished: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            found.add(frozenset(path[path.index(name) :]))
        elif name not in finished:
            for target in sorted(imported.get(name, frozenset())):
                visit(target, (*path, name))
            finished.add(name)

    for name in sorted(imported):
        visit(name, ())
    return sorted(" <-> ".join(sorted(circle)) for circle in found)


def by_room(imported: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """Return the same graph with rooms in place of modules."""
    rooms: dict[str, set[str]] = {}
    for name, targets in imported.items():
        room = name.partition(".")[0]
        rooms.setdefault(room, set()).update(target.partition(".")[0] for target in targets)
    return {room: frozenset(targets - {room}) for room, targets in rooms.items()}


def test_no_modules_and_no_rooms_import_each_other_in_a_circle() -> None:
    known = frozenset(module.name for module in modules())
    imported = {module.name: imported_modules(module, known) for module in modules()}
    assert circles(imported) == []
    assert circles(by_room(imported)) == []


def test_a_circle_is_seen() -> None:
    graph = {"a.x": frozenset({"b.y"}), "b.y": frozenset({"c"}), "c": frozenset({"a.x"}), "d": frozenset({"c"})}
    assert circles(graph) == ["a.x <-> b.y <-> c"]
    assert circles({"a.x": frozenset({"b.y"}), "b.z": frozenset({"a.w"})}) == []
    assert circles(by_room({"a.x": frozenset({"b.y"}), "b.z": frozenset({"a.w"})})) == ["a <-> b"]


def stage_disagreements(stages: tuple[str, ...], **places: list[str]) -> list[str]:
    """Places whose stages are others than ``stages``, or the same in another order."""
    return [f"{place}: {found}, not {list(stages)}" for place, found in places.items() if found != list(stages)]


def folders(root: Path) -> list[str]:
    """The packages of a folder in the order of `STAGES`; what is no stage comes last."""
    found = {path.parent.name for path in root.glob("*/__init__.py")} - BESIDE_STAGES - {"benchmarks"}
    return sorted(found, key=lambda name: (STAGES.index(name) if name in STAGES else len(STAGES), name))


def test_folders_and_folders_of_tests_are_the_stages() -> None:
    assert stage_disagreements(STAGES, folders=folders(PACKAGE), tests=folders(TESTS)) == []
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms == BESIDE_STAGES | set(STAGES)
    assert {path.parent.name for path in TESTS.glob("*/__init__.py")} <= rooms | {"benchmarks"}


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
    for table in TABLES.values():
        key = asset_key(str(table.spec), "some_study")
        assert key.path[:2] == [table.spec.schema, "some_study"]
        assert table_of(key) is table


def test_a_stage_out_of_place_would_be_seen() -> None:
    assert stage_disagreements(("a", "b"), folders=["b", "a"])
    assert stage_disagreements(("a", "b"), folders=["a"], tests=["a", "b", "c"])
    assert stage_disagreements(("a", "b"), folders=["a", "b"]) == []
