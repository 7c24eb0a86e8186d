"""Finds the files that one must open to follow a payment to its line; see `make count`.

A file is on the way when one of its functions runs for the payment. Others are told apart that hold only what such a
function names: a class, an error, a table, a limit.
"""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Where the package of each name stands.
PACKAGES = {
    path.name: path
    for path in [ROOT / "servicekit/src/servicekit", *ROOT.glob("services/*/src/*")]
    if (path / "__init__.py").exists()
}
Function = tuple[Path, int]  # its file, and the line where it begins


def files_of(called: Iterable[Function]) -> tuple[set[Path], set[Path]]:
    """The files of functions that ran, and the further files of ours that hold what these functions name."""
    ran, named = set(), set()
    for path, line in called:
        if any(path.is_relative_to(package) for package in PACKAGES.values()):
            ran.add(path)
            named |= {target for name in _names_in(path, line) if (target := _imported(path).get(name))}
    return ran, named - ran


def modules(package: str) -> list[Path]:
    """A package's modules that are not empty."""
    return [path for path in PACKAGES[package].rglob("*.py") if len(path.read_text().splitlines()) > 1]


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _names_in(path: Path, line: int) -> set[str]:
    """What the function that begins at `line` names, and its class where it stands in one."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            decorators = getattr(node, "decorator_list", [])
            if line in {node.lineno, *(one.lineno for one in decorators)}:
                return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    return set()


@cache
def _imported(path: Path) -> dict[str, Path]:
    """The modules of ours that a file's names come from."""
    found = {}
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if source := _file(f"{node.module}.{alias.name}") or _file(node.module):
                    found[alias.asname or alias.name] = source
    return found


def _file(module: str) -> Path | None:
    """Where a module of ours stands, or a package that says something."""
    package, *rest = module.split(".")
    if package not in PACKAGES:
        return None
    place = PACKAGES[package].joinpath(*rest)
    candidates: Iterator[Path] = iter((place.with_suffix(".py"), place / "__init__.py"))
    return next((one for one in candidates if one.is_file()), None)
