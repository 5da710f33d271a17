"""An input, the files that will be written for it, and what came of it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import io
from ..engine.results import CineResult, Result
from ..errors import OutputError
from ..inputs.candidates import shown
from ..inputs.names import safe
from ..measure import CardiacFunction, Insertion, RegionalFunction
from ..notices import Notice


@dataclass(frozen=True)
class Output:
    """One file of a case.

    Args:
        format: its class, by the name in `format_table.FORMATS`.
        end: what follows the name of the case, such as ``.seg.nrrd`` or ``_left-ventricle.stl``.
        frame: of a cine, counted from 0; None: the frame that represents all, or all of them.
    """

    format: str
    end: str
    frame: int | None = None


@dataclass(frozen=True)
class Case:
    """An input and what will be written for it.

    Args:
        input: volume file or DICOM folder.
        name: stem of every output.
        output: folder of the outputs.
        outputs: files, the record last; a cine gets more, see `format_table.of_cine`.
        series, frame, files: choice within the input, see `io.read`.
        model: id or folder of a model for this case alone; None: the run's.
        extra: the user's own columns, to be carried to the results.
        anonymous: the name is an id, and no output may show another one, see `anonymous`.
        notices: what a user should know of how the input was found.
        reading: what to do about the slices of the input.
        person: of a cine, what the user says of the person.
        frame_format: of a cine, one of `batch.FRAME_FORMATS`: also a file for each frame.
        dicom_frames: of a cine, one of `dicom_results.FRAMES`.
        companions: of late enhancement, cases with the same output folder that show the same heart, see `companions`.
    """

    input: Path
    name: str
    output: Path
    outputs: tuple[Output, ...]
    series: str | None = None
    frame: int | None = None
    files: tuple[Path, ...] = ()
    model: str | None = None
    extra: dict[str, str] = field(default_factory=dict)
    anonymous: bool = False
    notices: tuple[Notice, ...] = ()
    person: io.Person = io.Person()
    frame_format: str | None = None
    dicom_frames: str = "phases"
    reading: io.Reading = io.AS_STORED
    companions: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(_inside(self.output, f"{self.name}{one.end}") for one in self.outputs)

    @property
    def settings(self) -> dict[str, float | None]:
        """What was said of the person, as the record of a cine holds it."""
        return {"heart_rate": self.person.heart_rate, "height": self.person.height, "weight": self.person.weight}


@dataclass(frozen=True)
class Opened:
    """A case whose input was read, the bytes of ``sha256``; of a cine ``case`` names the outputs of a cine, too."""

    case: Case
    input: io.Image | io.Cine
    sha256: str


@dataclass(frozen=True, eq=False)
class Beat:
    """A cine, its labels, what they show of the heart (``regional`` None: of its wall nothing), and what is known of
    the person: ``heart_rate``, ``height``, ``weight`` as in `io.Person`, and ``from_header``, which of them DICOM
    headers tell."""

    cine: io.Cine
    result: CineResult
    function: CardiacFunction
    regional: RegionalFunction | None
    person: dict[str, Any]

    @property
    def frame(self) -> int:
        """The frame, counted from 0, that represents all: end-diastole, or the first where that is not known."""
        return self.function.ed_frame or 0


@dataclass(frozen=True)
class Made:
    """A case whose results are in memory.

    Args:
        cine: all of one, of which ``image`` and ``result`` are one frame.
        insertion: of late enhancement, where the right ventricle meets the wall, as far as it is known.
        insertion_from: what tells it, as a noun.
    """

    case: Case
    image: io.Image
    result: Result
    sha256: str
    cine: Beat | None = None
    insertion: Insertion | None = None
    insertion_from: str = ""

    def at(self, frame: int | None) -> tuple[io.Image, Result]:
        """Image and result of a frame, counted from 0; None: those of the case."""
        if frame is None or self.cine is None:
            return self.image, self.result
        return self.cine.cine.image(frame), self.cine.result.frame(frame)


def _inside(folder: Path, name: str) -> Path:
    """The path of an output in its folder.

    Raises:
        OutputError: the name leads out of the folder, or is not fit for a file on every system.
    """
    if safe(name) != name or (folder / name).parent != folder:
        raise OutputError(f'"{shown(name)}" cannot be the name of a result: use a plain file name without a folder.')
    return folder / name
