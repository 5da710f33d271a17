"""Client of the process that lists a study and reads its images, see `inputs.reader`."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from slicer.i18n import tr as _

from .. import ownership
from ..worker.protocol import PREFIX, Lines, ProtocolError, decode, encode
from .process import Process


class Listener(Protocol):
    """Receiver of a study's contents."""

    def image(self, number: int, about: Mapping[str, Any]) -> None:
        """Called for an image found, with its description by `inputs.inspection`."""

    def rejected(self, about: Mapping[str, Any]) -> None:
        """Called for a file or series that cannot be used or is not an image."""

    def looked(self) -> None:
        """Called when everything is listed."""

    def loaded(self, number: int, about: Mapping[str, Any], voxels: Path) -> None:
        """Called for an image read, with its description by `inputs.reader.describe` and the file of its voxels."""

    def failed(self, number: int | None, text: str) -> None:
        """Called if an image cannot be read; without a number, for the whole study, and the process has ended."""


class StudyReader:
    """A study, from `look` to `end`; its temporary files are in a folder that is removed at the end.

    Args:
        parent: QObject that owns the process.
        on_log: called with what the process writes to standard error.
        listener: receives the contents.

    Raises:
        OSError: temporary files cannot be created.
    """

    def __init__(self, parent: Any, on_log: Callable[[str], None], listener: Listener) -> None:
        self._listener, self._lines, self._over = listener, Lines(), False
        temporary = Path(tempfile.gettempdir())
        ownership.sweep(temporary, PREFIX)  # left by a Slicer that crashed
        self._folder, self._held = ownership.make_folder(PREFIX, temporary)
        # the process unpacks into this folder, so that a kill leaves nothing elsewhere
        variables = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(self._folder))
        self._process = Process(parent, on_log, "inputs.reader", variables)
        self._process.client = self

    def look(self, paths: Sequence[str]) -> None:
        """List the images of a file, folder, archive or DICOMDIR, or of several DICOM files."""
        self._process.start()
        self._process.write(encode("look", paths=list(paths)))

    def load(self, number: int) -> None:
        """Read an image."""
        self._place(number).mkdir(exist_ok=True)
        self._process.write(encode("load", image=number, folder=str(self._place(number))))

    def end(self) -> None:
        """Stop immediately and remove all files."""
        if not self._over:
            self._over = True
            self._process.end()
            ownership.remove(self._folder, self._held)

    def received(self, data: bytes) -> None:
        """Called with bytes of the process's standard output."""
        try:
            for line in self._lines.feed(data):
                if not self._over:
                    self._take(decode(line))
        except (ProtocolError, OSError, ValueError):
            self.ended(-1, True)

    def ended(self, code: int, crashed: bool) -> None:
        """Called when the process has ended by itself."""
        if not self._over:
            self.end()
            self._listener.failed(None, _("The study could not be read completely: try again, or open a part of it."))

    def _take(self, message: Mapping[str, Any]) -> None:
        kind, number = message["kind"], message.get("number", message.get("image"))
        if kind == "image":
            self._listener.image(number, message["about"])
        elif kind == "rejected":
            self._listener.rejected(message["about"])
        elif kind == "looked":
            self._listener.looked()
        elif kind == "loaded":
            place = self._place(number)
            about = json.loads((place / "about.json").read_text(encoding="utf-8"))
            self._listener.loaded(number, about, place / "voxels")
        elif kind == "failed":
            if number is None:
                self.end()
            self._listener.failed(number, message["text"])

    def _place(self, number: int) -> Path:
        return self._folder / f"image-{number}"
