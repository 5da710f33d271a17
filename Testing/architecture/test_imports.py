"""Import rules, checked in the source: layers import downward only, and packages stay where they belong.

Which floor a room stands on is read from the table in Documentation/architecture.md.
"""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

LIBRARY = "DINSegmentLib"
PAGE = Path(__file__).parents[2] / "Documentation" / "architecture.md"
ROWS = re.findall(r"^\| ([0-4]) \| ([^|]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
FLOOR = {unit: int(floor) for floor, units in ROWS for unit in re.findall(r"`(\w+)(?:/|\.py)`", units)}
FLOOR |= {"__init__": 0, "__main__": 3}
BASE = {unit for unit, floor in FLOOR.items() if floor < 2}

# package: the units that may import it at all, and those that may do so at module top
ANYWHERE = {
    **dict.fromkeys(("slicer", "vtk"), set(FLOOR) - BASE - {"worker"}),
    **dict.fromkeys(("qt", "ctk", "PythonQt", "PySide6"), {"panel"}),
    "torch": set(FLOOR) - {"model", "measure", "scene", "panel"},
}
AT_TOP = {"torch": {"network", "engine", "training"}, **dict.fromkeys(("monai", "matplotlib", "nibabel"), {"training"})}


@dataclass(frozen=True)
class Import:
    """One import: the module that imports, and what it names."""

    module: str  # dotted and absolute, like the target
    target: str  # a module, where the name imported is one
    at_top: bool  # runs when the module is loaded
    place: str  # file and line, for the message

    @property
    def unit(self) -> str:
        """The file or folder directly in the library that imports."""
        return (self.module.split(".") + ["__init__"])[1]

    @property
    def package(self) -> str:
        return self.target.partition(".")[0]

    @property
    def target_unit(self) -> str | None:
        """The unit of the library that is imported; None for another package."""
        return (self.target.split(".") + ["__init__"])[1] if self.package == LIBRARY else None


def imports_of(package: Path) -> list[Import]:
    """Every import in a package, also those inside functions and for types."""
    found = []
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        module = ".".join(parts).removesuffix(".__init__")
        for node, at_top in statements(ast.parse(path.read_text(encoding="utf-8"))):
            for target in targets(node, parts, package.parent):
                found.append(Import(module, target, at_top, f"{'/'.join(parts)}.py:{node.lineno}"))
    return found


def statements(node: ast.AST, at_top: bool = True) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """The import statements under a node, and whether loading the module runs them."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, at_top
        typing_only = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or typing_only
        yield from statements(child, at_top and not inside)


def targets(node: ast.Import | ast.ImportFrom, parts: tuple[str, ...], root: Path) -> Iterator[str]:
    """The absolute dotted names that a statement in the module ``parts``, under the folder ``root``, imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    above = parts[: -node.level] if node.level else ()
    base = ".".join((*above, *filter(None, [node.module])))
    for alias in node.names:
        # "from . import models" names a module; "from . import __version__" names the package itself
        path = root.joinpath(*base.split("."), alias.name)
        yield f"{base}.{alias.name}" if path.is_dir() or path.with_suffix(".py").is_file() else base


def faults(imports: list[Import]) -> list[str]:
    """Every rule that is broken, in words."""
    homeless = sorted({one.unit for one in imports} - set(FLOOR))
    broken = [(one.place, rule) for one in imports if one.unit in FLOOR and (rule := broken_rule(one))]
    found = [f"{unit} stands on no floor: give it one in Documentation/architecture.md" for unit in homeless]
    units = ((one.unit, one.target_unit) for one in imports if one.target_unit)
    return [*found, *(f"{place}: {rule}" for place, rule in broken), *circles(units)]


def broken_rule(one: Import) -> str | None:
    """The rule that one import breaks, in words."""
    unit, target, package = one.unit, one.target_unit, one.package
    if target is not None:
        if FLOOR.get(target, 0) > FLOOR[unit]:
            return f"the arrow from {unit} to {target} points up"
        if unit == "worker" and FLOOR.get(target) == FLOOR["scene"] and one.target != f"{LIBRARY}.io.surfaces":
            return f"the worker knows io.surfaces, the engine and below, not {target}"
        return None
    if unit not in ANYWHERE.get(package, FLOOR):
        return f"{unit} may not import {package}"
    if one.at_top and unit not in AT_TOP.get(package, FLOOR):
        return f"{unit} may not import {package} at module top"
    if unit == "network" and package not in {"torch", *sys.stdlib_module_names}:
        return f"the network is torch and nothing else, not {package}"
    return None


def circles(arrows: Iterable[tuple[str, str]]) -> list[str]:
    """Those that import each other in a circle, of (who imports, what)."""
    below = defaultdict(set)
    for one, target in arrows:
        if target != one:
            below[one].add(target)
    try:
        TopologicalSorter(below).prepare()
    except CycleError as error:
        return ["imports make a circle: " + " -> ".join(error.args[1])]
    return []


def test_every_import_of_the_library_keeps_the_rules(repository):
    imports = imports_of(repository / LIBRARY)

    assert len(imports) > 20  # the reader does read
    assert faults(imports) == []


def test_no_modules_import_each_other_in_a_circle(repository):
    imports = [one for package in (LIBRARY, "benchmarks") for one in imports_of(repository / package)]

    assert circles((one.module, one.target) for one in imports) == []


def test_the_page_names_what_is_there(repository):
    on_disk = {path.stem for path in (repository / LIBRARY).iterdir() if path.is_dir() or path.suffix == ".py"}
    assert set(FLOOR) == on_disk - {"__pycache__"}


def test_module_file_imports_only_slicer_and_the_standard_library_when_it_loads(repository):
    tree = ast.parse((repository / "DINSegment" / "DINSegment.py").read_text(encoding="utf-8"))
    loaded = {target for node, at_top in statements(tree) if at_top for target in targets(node, (), repository)}

    packages = {name.partition(".")[0] for name in loaded}
    assert packages <= {"slicer", "qt", "ctk", "vtk", "numpy", *sys.stdlib_module_names}


@pytest.mark.parametrize(
    ("file", "source", "fault"),
    [
        ("engine/run.py", "from ..scene import read", "engine/run.py:1: the arrow from engine to scene points up"),
        ("engine/run.py", "from DINSegmentLib import cli", "the arrow from engine to cli points up"),
        ("engine/run.py", "from .. import cli", "the arrow from engine to cli points up"),
        ("model/manifest.py", "from ..engine import Result", "the arrow from model to engine points up"),
        (
            "model/manifest.py",
            "def f():\n    import DINSegmentLib.engine",
            "py:2: the arrow from model to engine points up",
        ),
        ("cli.py", "import DINSegmentLib.panel.view", "the arrow from cli to panel points up"),
        ("engine/run.py", "def late():\n    import slicer", "engine may not import slicer"),
        ("training/run.py", "import vtk.util", "training may not import vtk"),
        ("scene/view.py", "import qt", "scene may not import qt"),
        ("worker/server.py", "import slicer", "worker may not import slicer"),
        ("worker/server.py", "from ..scene import x", "the worker knows io.surfaces, the engine and below, not scene"),
        ("cli.py", "import torch", "cli may not import torch at module top"),
        ("cli.py", "try:\n    import torch\nexcept ImportError:\n    pass", "cli may not import torch at module top"),
        ("cli.py", "class A:\n    import torch", "cli may not import torch at module top"),
        ("model/manifest.py", "def late():\n    import torch", "model may not import torch"),
        ("batch/case.py", "import matplotlib.pyplot", "batch may not import matplotlib at module top"),
        ("io/read.py", "import nibabel", "io may not import nibabel at module top"),
        ("network/din.py", "import numpy", "the network is torch and nothing else, not numpy"),
        ("helpers.py", "import os", "helpers stands on no floor"),
    ],
)
def test_a_broken_rule_is_seen(tmp_path, file, source, fault):
    library = tmp_path / LIBRARY
    for unit in ("scene", "engine"):
        (library / unit).mkdir(parents=True)
    (library / "cli.py").write_text("", encoding="utf-8")
    (library / file).parent.mkdir(exist_ok=True)
    (library / file).write_text(source, encoding="utf-8")

    (found,) = faults(imports_of(library))
    assert fault in found


def test_a_circle_on_one_floor_is_seen(tmp_path):
    library = tmp_path / LIBRARY
    library.mkdir()
    (library / "geometry.py").write_text("from .resources import root", encoding="utf-8")
    (library / "resources.py").write_text("def late():\n    from . import geometry", encoding="utf-8")

    (found,) = faults(imports_of(library))
    assert found.startswith("imports make a circle: ")


@pytest.mark.parametrize(
    "back",
    [
        "from . import case",
        "from .case import Case",
        "def late():\n    from ..batch.case import Case",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .case import Case",
    ],
)
def test_a_circle_inside_a_room_is_seen(tmp_path, back):
    room = tmp_path / LIBRARY / "batch"
    room.mkdir(parents=True)
    (room / "case.py").write_text("from . import record", encoding="utf-8")
    (room / "record.py").write_text(back, encoding="utf-8")

    (found,) = circles((one.module, one.target) for one in imports_of(tmp_path / LIBRARY))
    assert "DINSegmentLib.batch.case -> " in found


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("engine/run.py", "import torch\nfrom ..network import DIN\nfrom DINSegmentLib import geometry"),
        ("cli.py", "def late():\n    import torch, matplotlib\nfrom . import __version__"),
        ("cli.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch"),
        ("training/run.py", "import monai, torch"),
        ("scene/view.py", "import slicer, vtk, numpy"),
    ],
)
def test_what_the_rules_allow_is_no_fault(tmp_path, file, source):
    library = tmp_path / LIBRARY
    (library / file).parent.mkdir(parents=True)
    (library / "geometry.py").write_text("", encoding="utf-8")
    (library / file).write_text(source, encoding="utf-8")

    assert faults(imports_of(library)) == []
