"""What PythonQt, CTK and Slicer's widgets provide in Python, measured in a genuine Slicer: `pythonqt-api.json`.

A name that a class lacks there does not exist, a slot cannot be assigned, a property cannot be called. The file holds
the classes that the module uses; `python -m desk.offer MEASURED.json` trims a new measurement to these (and to further
ones that are named after it). A class that was not measured stands in `unmeasured.txt`, with the reason.
"""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).resolve().parent
TABLE, UNMEASURED = _FOLDER / "pythonqt-api.json", _FOLDER / "unmeasured.txt"

# how names are grouped there: properties that can be written and that cannot, methods, signals; `other` are properties
# and constants of what could not be made from Python, of which nobody knows whether they can be written
_KINDS = ("rw", "ro", "slots", "signals", "other", "constants")
_MODULES = ("qt", "ctk", "slicer")


@dataclass(frozen=True)
class Offer:
    """The names of one class or object."""

    rw: frozenset[str]
    ro: frozenset[str]
    slots: frozenset[str]
    signals: frozenset[str]
    other: frozenset[str]
    constants: frozenset[str]

    @property
    def values(self) -> frozenset[str]:
        """What is read without parentheses."""
        return self.rw | self.ro | self.other | self.constants


@cache
def classes() -> dict[str, Offer]:
    """All that were measured, such as ``qt.QTimer``, ``ctk.ctkSliderWidget``, ``slicer.app``, ``sliceWidget``."""
    found: dict[str, Offer] = {}
    for name, kinds in json.loads(TABLE.read_text(encoding="utf-8"))["classes"].items():  # a base stands before
        base = found.get(kinds.get("as", ""))
        names = {kind: frozenset(kinds.get(kind, "").split()) for kind in _KINDS}
        found[name] = Offer(**{kind: own | getattr(base, kind, frozenset()) for kind, own in names.items()})
    return found


@cache
def unmeasured() -> dict[str, str]:
    """Class to the reason for which it is not in the table."""
    lines = [line for line in UNMEASURED.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    return {name.strip(): reason.strip() for name, _, reason in (line.partition(":") for line in lines)}


def find(name: str) -> Offer | None:
    """What a class offers, by its name with or without the module; None where it is among the unmeasured.

    Raises:
        AttributeError: it is in neither list.
    """
    for known in (name, *(f"{module}.{name}" for module in _MODULES)):
        if known in classes():
            return classes()[known]
        if known in unmeasured():
            return None
    raise AttributeError(f"{name} was not measured in Slicer: it is neither in {TABLE.name} nor in {UNMEASURED.name}")


def refusal(name: str, attribute: str, use: str) -> str:
    """Why Slicer would refuse it, or nothing.

    Args:
        name: of a class, see `find`.
        attribute: of it, or for ``connect`` a signal with its signature.
        use: ``read``, ``call``, ``assign`` or ``connect``.
    """
    offer = find(name)
    if offer is None:
        return ""
    if use == "connect":
        signal = attribute.partition("(")[0]
        return "" if signal in offer.signals else f"{name} has no signal {attribute}"
    if attribute not in offer.values | offer.slots | offer.signals:
        return f"{name} has no {attribute}"
    if use == "call" and attribute not in offer.slots:
        return f"{attribute} of {name} is a property, which cannot be called"
    if use == "assign" and attribute not in offer.rw:
        if attribute in offer.slots:
            return f"Slot '{attribute}' can not be overwritten on {name} object"
        return f"{attribute} of {name} cannot be written"
    return ""


def trim(measured: dict[str, dict], wanted: Iterable[str]) -> dict[str, dict[str, str]]:
    """The wanted classes, each without what a class before it has, too (``as``)."""
    sets = {name: {kind: set(measured[name].get(kind, ())) for kind in _KINDS} for name in wanted}
    order = sorted(sets, key=lambda name: (sum(map(len, sets[name].values())), name))
    trimmed: dict[str, dict[str, str]] = {}
    for name in order:
        bases = [one for one in trimmed if all(sets[one][kind] <= sets[name][kind] for kind in _KINDS)]
        base = max(bases, key=lambda one: sum(map(len, sets[one].values())), default=None)
        own = {kind: sets[name][kind] - (sets[base][kind] if base else set()) for kind in _KINDS}
        texts = {kind: " ".join(sorted(names)) for kind, names in own.items() if names}
        trimmed[name] = {"as": base, **texts} if base else texts
    return trimmed


def main(path: str, *further: str) -> None:
    about = json.loads(TABLE.read_text(encoding="utf-8"))
    measured = json.loads(Path(path).read_text(encoding="utf-8"))
    about["classes"] = trim(measured, {*about["classes"], *further})
    TABLE.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
