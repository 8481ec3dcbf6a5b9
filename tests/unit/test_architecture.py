"""The rules of the house: which room may import which, and what importing may do."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "platform" / "dnasweep"
MODULES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = sorted(
    path for folder in ("sweeps", "jobs", "benchmarks") for path in (ROOT / folder).glob("*.py")
)

FLOORS = {
    "errors": 0,
    "devices": 0,
    "plain": 0,
    "invocation": 0,
    "progress": 0,
    "config": 0,
    "storage": 0,
    "formats": 1,
    "data": 2,
    "tokens": 3,
    "tokens.masking": 4,
    "tasks": 4,
    "models.families": 4,
    "models.encoder": 5,
    "models.pretrained": 6,
    "models.training": 6,
    "models": 7,
    "attribution": 8,
    "tracking": 8,
    "motifs": 9,
    "method_comparison": 10,
    "genomics": 10,
    "synthetic": 11,
    "stages": 11,
    "jobs.shards": 12,
    "jobs": 13,
    "sweeps": 13,
    "report": 14,
    "runtime.ray_private": 14,
    "runtime.ray_data": 14,
    "runtime.cluster": 15,
    "runtime.preflight": 16,
    "runtime.training": 16,
    "runtime.shards": 17,
    "runtime": 18,
    "workflows": 19,
    "cli": 20,
    "api": 20,
    # The front door: it names what is in `api`, and imports it when it is used.
    "__init__": 21,
    "commands.sweeps": 21,
    "commands.jobs": 21,
    "commands": 22,
    "__main__": 23,
}
"""A room may import from the floors below it and from itself; rooms of one floor do not meet."""

BORDERS = {
    "ray": re.compile(r"runtime/"),
    "mlflow": re.compile(r"tracking/"),
    "wandb": re.compile(r"tracking/"),
    "tensorboardX": re.compile(r"tracking/"),
    "torch": re.compile(r"(?!formats/|data/|tokens/|config/|storage/)"),
    "transformers": re.compile(r"(?!formats/|data/|tokens/|config/|storage/)"),
}
"""Library: the files of the package that may import it."""

COMMAND_LINE = {
    "--data",
    "--storage",
    "--tracking-uri",
    "--species-sets",
    "--tokenizers",
    "--learning-rates",
    "--preset",
    "--search",
    "--num-samples",
    "--seeds",
    "--workers-per-trial",
    "--address",
    "--dry-run",
}
"""Names that notebooks and job scripts of others are written against."""

SYNONYMS = {
    "--data": {"--dataset", "--data-path", "--csv"},
    "--storage": {"--output-dir", "--storage-path", "--root", "--runs"},
    "--tracking-uri": {"--mlflow-uri", "--mlflow", "--tracking"},
    "--species-sets": {"--species-groups", "--pretrain-species"},
    "--learning-rates": {"--lr", "--lrs"},
    "--workers-per-trial": {"--num-workers", "--workers"},
    "--address": {"--ray-address", "--cluster"},
}
"""Second names for one thing, which no script may grow."""


def named(paths: list[Path]) -> list:
    return [pytest.param(path, id=path.relative_to(ROOT).as_posix()) for path in paths]


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


@functools.cache
def libraries() -> set[str]:
    return set(importlib.metadata.packages_distributions())


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of everything imported, at the top or inside a function."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module_name(path).split(".")
                keep = len(parents) - node.level + (path.name == "__init__.py")
                base = ".".join(filter(None, [*parents[:keep], node.module]))
            # `from dnasweep import data` imports a room as much as `import dnasweep.data`.
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}" if base == "dnasweep" else base


def room(dotted: str) -> str:
    parts = dotted.split(".")
    inner = ".".join(parts[1:3])
    return inner if inner in FLOORS else parts[1] if len(parts) > 1 else "__init__"


def test_every_room_has_a_floor() -> None:
    rooms = {room(module_name(path)) for path in MODULES}
    # A folder in a room is a room of its own.
    rooms |= {".".join(path.relative_to(PACKAGE).parts[:-1]) for path in MODULES} - {""}
    assert rooms <= set(FLOORS), "give the new room its floor in FLOORS, and say why in the commit"


@pytest.mark.parametrize("path", named(MODULES))
def test_arrows_point_down(path: Path) -> None:
    here = room(module_name(path))
    wrong = [
        f"line {line}: {here} imports {name}"
        for line, name in imports(path)
        if name.split(".")[0] == "dnasweep"
        and (there := room(name)) in FLOORS
        and here != there
        and not (FLOORS[there] < FLOORS[here] or FLOORS[here] == FLOORS[there] == 0)
    ]
    assert not wrong


def uses() -> dict[str, set[str]]:
    """Return the modules of the package that each of them imports, wherever the import stands."""
    names = {module_name(path): path for path in MODULES}
    found: dict[str, set[str]] = {}
    for name, path in names.items():
        found[name] = set()
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ImportFrom):
                whole = {f"{node.module}.{alias.name}" for alias in node.names} & set(names)
                found[name] |= whole or ({str(node.module)} & set(names))
            elif isinstance(node, ast.Import):
                found[name] |= {alias.name for alias in node.names} & set(names)
        found[name].discard(name)
    return found


def test_no_two_modules_import_one_another() -> None:
    # What is left after modules that import nothing left have been taken away, again and again.
    left = uses()
    while done := {name for name, used in left.items() if not used & set(left)}:
        left = {name: used for name, used in left.items() if name not in done}
    while ends := set(left) - {name for used in left.values() for name in used}:
        left = {name: used for name, used in left.items() if name not in ends}
    assert not left, "these import one another, directly or through others"


@pytest.mark.parametrize("path", named(MODULES))
def test_libraries_stay_behind_their_borders(path: Path) -> None:
    here = path.relative_to(PACKAGE).as_posix()
    wrong = [
        f"line {line}: {name}"
        for line, name in imports(path)
        if (library := name.split(".")[0]) in BORDERS and not BORDERS[library].match(here)
    ]
    assert not wrong


@pytest.mark.parametrize("path", named(MODULES))
def test_the_package_imports_no_script(path: Path) -> None:
    roots = {name.split(".")[0] for _, name in imports(path)}
    assert not roots & {"sweeps", "jobs", "benchmarks", "tests"}


@pytest.mark.parametrize("path", named([p for p in SCRIPTS if p.parent.name != "benchmarks"]))
def test_sweeps_and_jobs_reach_ray_and_mlflow_through_the_package(path: Path) -> None:
    roots = {name.split(".")[0] for _, name in imports(path)}
    assert not roots & {"ray", "mlflow", "sweeps", "jobs", "benchmarks"}


@pytest.mark.parametrize("path", named(MODULES + SCRIPTS))
def test_a_file_is_one_idea(path: Path) -> None:
    num_lines = path.read_text().count("\n")
    assert num_lines <= 300


def calls_at_import(node: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls that importing makes: all but those inside functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            for expression in [*child.decorator_list, *child.args.defaults]:
                yield from (n for n in ast.walk(expression) if isinstance(n, ast.Call))
        elif isinstance(child, ast.Lambda):
            continue
        else:
            if isinstance(child, ast.Call):
                yield child
            yield from calls_at_import(child)


WORK = re.compile(
    r"(os\.(makedirs|putenv|environ\.\w+|chdir)|(.*\.)?(mkdir|write_text|write_bytes|touch)"
    r"|logging\.(basicConfig|disable|captureWarnings)|warnings\.(simplefilter|filterwarnings)"
    r"|ray\.\w+|mlflow\.\w+|open|print|matplotlib\.use|plt\.\w+|subprocess\.\w+"
    r"|(torch|np|numpy)(\.\w+)*\.(manual_seed|seed|set_\w+))"
)


def is_script_entry(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"


def work_at_import(module: ast.Module) -> list[str]:
    """Return what a module would do to the world by being imported."""
    module = ast.Module([n for n in module.body if not is_script_entry(n)], type_ignores=[])
    found = [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in module.body
        if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
    ]
    found += [
        f"line {call.lineno}: {ast.unparse(call)}"
        for call in calls_at_import(module)
        if WORK.fullmatch(ast.unparse(call.func))
    ]
    found += [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in module.body
        if isinstance(node, ast.While | ast.With | ast.Delete)
        or (
            isinstance(node, ast.Assign | ast.AugAssign)
            and "environ[" in ast.unparse(node).split(" = ")[0]
        )
    ]
    return found


@pytest.mark.parametrize("path", named(MODULES + SCRIPTS))
def test_no_work_at_import(path: Path) -> None:
    assert not work_at_import(tree(path))


@pytest.mark.parametrize(
    "line",
    [
        "os.environ['A'] = '1'",
        "os.environ.setdefault('A', '1')",
        "Path('runs').mkdir()",
        "X = Path('runs').mkdir()",
        "logging.basicConfig()",
        "ray.init()",
        "if True:\n    ray.init()",
        "class A:\n    print('x')",
        "def f(x=open('y')): ...",
        "with open(y) as x:\n    pass",
    ],
)
def test_work_at_import_is_seen(line: str) -> None:
    assert work_at_import(ast.parse(line))


@pytest.mark.parametrize(
    "line",
    ["'''doc'''", "X = re.compile('a')", "for x in y:\n    X[x] = 1", "def f():\n    ray.init()", "f = lambda: print()",
     "@dataclass(frozen=True)\nclass A:\n    x: int = field(default=1)",
     "if __name__ == '__main__':\n    main()"],
)  # fmt: skip
def test_ordinary_code_is_not_work(line: str) -> None:
    assert not work_at_import(ast.parse(line))


@pytest.mark.parametrize(
    ("below", "libraries"),
    [
        (FLOORS["tokens"], {"torch", "ray", "mlflow", "transformers"}),
        (FLOORS["sweeps"], {"ray", "mlflow"}),
    ],
    ids=["data and tokens", "all but the runtime"],
)
def test_rooms_run_without_the_heavy_libraries(below: int, libraries: set[str]) -> None:
    names = [module_name(p) for p in MODULES if FLOORS[room(module_name(p))] <= below]
    code = (
        f"import sys, importlib\nfor n in {names!r}: importlib.import_module(n)\n"
        f"print(*sorted({libraries!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_platform_is_a_source_root_and_not_a_package() -> None:
    assert not (ROOT / "platform" / "__init__.py").exists()
    code = "import platform; assert platform.system(); print(platform.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(done.stdout.strip()).parent == Path(os.__file__).parent


@pytest.mark.parametrize("path", named(SCRIPTS))
def test_no_script_shadows_a_library(path: Path) -> None:
    # `python jobs/shap.py` puts jobs/ first on the path, so `import shap` would find the script.
    assert path.stem not in sys.stdlib_module_names
    assert path.stem not in libraries()
    assert path.stem == path.stem.lower()


def test_the_main_command_keeps_its_flags(script_flags: Callable[[str], set[str]]) -> None:
    assert script_flags("sweeps/tokenizer_grid.py") >= COMMAND_LINE


@pytest.mark.parametrize("path", named([p for p in SCRIPTS if p.parent.name != "benchmarks"]))
def test_one_name_for_one_thing(path: Path, script_flags: Callable[[str], set[str]]) -> None:
    flags = script_flags(path.relative_to(ROOT).as_posix())
    second = {s: name for name, others in SYNONYMS.items() for s in others & flags}
    assert not second, "use the name on the right"
