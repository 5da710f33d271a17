"""Journal of finished studies, one line each, so that an interrupted run can resume."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ..io import outputs

NAME = "archive.jsonl"


@dataclass(frozen=True)
class Entry:
    """A study that needs no further work.

    Args:
        study: study UID.
        asked: the request (models, parameters, series) as text; another request needs its own entry.
        instances: number of its instances in the archive, including results.
        stored: (series, instance) UIDs of the results in the archive.
        fault: why there are no results, in a sentence; empty if there are.
    """

    study: str
    asked: str
    instances: int
    stored: tuple[tuple[str, str], ...] = ()
    fault: str = ""

    def covers(self, count: int) -> bool:
        """Whether no instances have arrived since, if the archive now has ``count`` of the study."""
        return count <= self.instances


class Journal:
    """Entries of an output folder; a line truncated by a kill is ignored."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._entries: dict[tuple[str, str], Entry] = {}
        if self._path.is_file():
            for line in self._path.read_text(encoding="utf-8", errors="replace").splitlines():
                self._take(line)

    def find(self, study: str, asked: str) -> Entry | None:
        return self._entries.get((study, asked))

    def add(self, entry: Entry) -> None:
        """Append a line and flush it to disk.

        Raises:
            OutputError: the line cannot be written.
        """
        line = json.dumps(asdict(entry), ensure_ascii=False) + "\n"
        with outputs.writing(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            whole = not self._path.is_file() or self._path.read_bytes()[-1:] in (b"", b"\n")
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line if whole else f"\n{line}")
                file.flush()
        self._entries[entry.study, entry.asked] = entry

    def _take(self, line: str) -> None:
        try:
            values = json.loads(line)
            stored = tuple((str(series), str(uid)) for series, uid in values["stored"])
            entry = Entry(**{**values, "stored": stored})
        except (ValueError, TypeError, KeyError, RecursionError):
            return
        self._entries[entry.study, entry.asked] = entry
