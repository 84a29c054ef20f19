"""What the code imports is declared, and the locks hold what is declared."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from runpy import run_path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAME = PROJECT["name"]
PACKAGE = ROOT / "langchain_claude_cloud"
DISTRIBUTIONS = metadata.packages_distributions()
INSTALLED = {name for names in DISTRIBUTIONS.values() for name in names}
LOCK = ROOT / "requirements.lock"
LOWEST = ROOT / "requirements-lowest.lock"
# Each has an extra, and `make test-engines` an environment with all of them.
ENGINES = ["ray", "spark", "dask"]
# Parts of the package that an extra is for. What the others import, every install has.
EXTRAS = {
    "batch": ["batch", "batch-vertex", *ENGINES],
    "cli": ["cli"],
    "cost.py": ["cost"],
    "middleware.py": ["agents"],
    "testing": ["emulator", "record"],
}
# The pytest plugin is loaded by pytest itself, the profile by deepagents; moto's server is started
# for those who have installed it.
LOADED_BY = {"testing": {"pytest", "moto.server"}, "middleware.py": {"deepagents"}}
# The benchmarks' competitors are installed by `make bench`, into an environment of their own.
COMPETITORS = {"langchain_anthropic", "langchain_aws", "langchain_google_vertexai"}


def declared(*extras: str) -> list[Requirement]:
    """Return the requirements of the package and of some of its extras."""
    found: list[Requirement] = []
    wanted = [*PROJECT["dependencies"]]
    for extra in extras:
        wanted += PROJECT["optional-dependencies"][extra]
    for requirement in map(Requirement, wanted):
        own = requirement.name == NAME
        found += declared(*requirement.extras) if own else [requirement]
    return found


def names_of(requirements: list[Requirement]) -> set[str]:
    """Return what requirements name, and what the extras that they name bring."""
    found: set[str] = {canonicalize_name(one.name) for one in requirements}
    for requirement in requirements:
        for extra in requirement.extras:
            if requirement.name not in INSTALLED:  # an engine
                continue
            brought = map(Requirement, metadata.requires(requirement.name) or [])
            found |= {
                canonicalize_name(one.name)
                for one in brought
                if one.marker and one.marker.evaluate({"extra": extra})
            }
    return found


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield what a module runs: all but the imports for type checkers."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from statements(node)


def imported(file: Path) -> set[str]:
    """Return the third-party modules that a file imports, by their full names."""
    found: set[str] = set()
    for node in statements(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return {name for name in found if is_foreign(name.split(".")[0])}


def is_foreign(top: str) -> bool:
    """Tell whether a module is neither Python's, nor the package's, nor a helper's here."""
    own = top in {PACKAGE.name, "benchmarks", *COMPETITORS} or top in helpers()
    return not own and top not in sys.stdlib_module_names


@cache
def helpers() -> set[str]:
    """Return the names of the modules beside the tests."""
    return {
        path.stem
        for folder in ("tests", "integration_tests", "tools", "examples")
        for path in files(ROOT / folder)
    } | {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()}


def files(place: Path) -> list[Path]:
    """Return the Python files of a folder, or the one file."""
    return sorted(place.rglob("*.py")) if place.is_dir() else [place]


def undeclared(place: Path, names: set[str]) -> set[str]:
    """Return what a folder's files import and no requirement names."""
    modules = {module for file in files(place) for module in imported(file)}
    return {module for module in modules if not names & set(providers(module))}


def providers(module: str) -> list[str]:
    """Return the packages that a module may come from."""
    top = module.split(".", maxsplit=1)[0]
    return [canonicalize_name(name) for name in DISTRIBUTIONS.get(top, [top])]


@pytest.mark.parametrize("part", sorted(path.name for path in PACKAGE.iterdir()))
def test_what_the_package_imports_is_declared(part: str) -> None:
    """By the package itself, or by the extra that this part of it is for."""
    place = PACKAGE / part
    if place.suffix not in {"", ".py"}:
        return
    extras = EXTRAS.get(part, [])
    assert undeclared(place, names_of(declared(*extras))) <= LOADED_BY.get(part, set())


@pytest.mark.parametrize(
    "folder", ["tests", "integration_tests", "benchmarks", "examples", "tools"]
)
def test_what_the_tests_import_is_declared(folder: str) -> None:
    """By the extra ``test``, which holds all the others, and by that of the examples."""
    extras = ["test", "bench", *ENGINES]
    if folder == "examples":
        extras.append("examples")
    assert undeclared(ROOT / folder, names_of(declared(*extras))) == set()


def test_an_import_that_nothing_declares_is_found(tmp_path: Path) -> None:
    """Inside a function too, though not for type checkers alone."""
    file = tmp_path / "some.py"
    file.write_text(
        "import pytest\n"
        "if TYPE_CHECKING:\n    import not_there\n"
        "def call():\n    from other_package.inner import name\n",
        encoding="utf-8",
    )
    assert undeclared(file, names_of(declared("test"))) == {"other_package.inner"}


def pins(lock: Path) -> dict[str, list[Version]]:
    """Return the versions that a lock names for each package, whatever their markers."""
    found: dict[str, list[Version]] = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            version = Version(str(requirement.specifier).removeprefix("=="))
            found.setdefault(canonicalize_name(requirement.name), []).append(version)
    return found


def test_the_lock_holds_all_that_is_declared() -> None:
    """`make lock` was run after pyproject.toml changed."""
    locked = pins(LOCK)
    for requirement in declared(*PROJECT["optional-dependencies"]):
        versions = locked.get(canonicalize_name(requirement.name), [])
        assert versions, f"{requirement.name} is not in the lock: make lock"
        assert all(version in requirement.specifier for version in versions), requirement


def test_the_oldest_versions_are_those_that_are_declared() -> None:
    """So that `make test-lowest` tests what pyproject.toml promises, and no newer version.

    On a Python that is too new for the oldest version the lock may name a newer one besides.
    """
    locked = pins(LOWEST)
    for requirement in declared("test"):
        (lowest,) = [one.version for one in requirement.specifier if one.operator == ">="]
        assert min(locked[canonicalize_name(requirement.name)]) == Version(lowest), requirement


@pytest.mark.parametrize("lock", [LOCK, LOWEST], ids=lambda lock: lock.name)
def test_a_lock_names_versions_and_no_place(lock: Path) -> None:
    """Each line is a version, which plain pip takes as a constraint, from any index."""
    for line in lock.read_text(encoding="utf-8").splitlines():
        assert re.match(r"#|[a-z0-9-]+==[0-9a-z.]+( ; [^/:@]+)?$", line), line


def test_a_version_that_moved_is_reported() -> None:
    """With both versions; what is for another system is not compared."""
    tool = run_path(str(ROOT / "tools" / "moved_versions.py"))
    lock = (
        "# by make lock\nhttpx==0.28.1\njiter==0.19.0\ncolorama==0.4.6 ; sys_platform == 'none'\n"
    )
    locked = tool["locked_versions"](lock)
    assert locked == {"httpx": "0.28.1", "jiter": "0.19.0"}
    found = tool["moved"](locked, {"httpx": "0.28.1", "jiter": "0.20.0", "new": "1.0"})
    assert found == ["jiter: 0.19.0 -> 0.20.0", "new: not in the lock -> 1.0"]
