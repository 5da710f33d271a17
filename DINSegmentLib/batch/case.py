"""An input, its planned output files, and its results."""

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
    """One output file of a case.

    Args:
        format: name of its class in `format_table.FORMATS`.
        end: end of the file name after the case's name, such as ``.seg.nrrd`` or ``_left-ventricle.stl``.
        frame: frame of a cine, counted from 0; None for the frame that represents it, or for all frames.
    """

    format: str
    end: str
    frame: int | None = None


@dataclass(frozen=True)
class Case:
    """An input and the outputs to write for it.

    Args:
        input: volume file or DICOM folder.
        name: stem of all output files.
        output: folder for the outputs.
        outputs: output files, the record last; a cine gets more, see `format_table.of_cine`.
        series, frame, files: selection within the input, see `io.read`.
        model: ID or folder of a model for this case only; None for the run's model.
        extra: user columns, copied to the results.
        anonymous: ``name`` is a pseudonymous ID, and no output may contain another name, see `anonymous`.
        notices: about how the input was found.
        person: patient data that the user entered for a cine.
        frame_format: one of `batch.FRAME_FORMATS`: also write a file for each frame of a cine.
        dicom_frames: one of `dicom_results.FRAMES`, for a cine.
        reading: how to read the slices of the input.
        origin: path in messages and results, if not ``input``, see `inputs.candidates.Found`.
        insertion, insertion_from: for late enhancement, if already known, as for `Made`.
        companions: for late enhancement: cases in the same output folder that show the same heart, see `companions`.
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
    origin: Path | None = None
    insertion: Insertion | None = None
    insertion_from: str = ""
    companions: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(_inside(self.output, f"{self.name}{one.end}") for one in self.outputs)

    @property
    def settings(self) -> dict[str, float | None]:
        """Patient data entered by the user, as the record of a cine stores it."""
        return {"heart_rate": self.person.heart_rate, "height": self.person.height, "weight": self.person.weight}


@dataclass(frozen=True)
class Opened:
    """A case with its input, whose bytes have the hash ``sha256``; for a cine, ``case`` includes a cine's outputs."""

    case: Case
    input: io.Image | io.Cine
    sha256: str


@dataclass(frozen=True, eq=False)
class Beat:
    """A cine with its labels, cardiac function, wall (``regional``, None if not measured) and patient data:
    ``heart_rate``, ``height``, ``weight`` as in `io.Person`, and ``from_header``, the names of those that
    come from the DICOM header."""

    cine: io.Cine
    result: CineResult
    function: CardiacFunction
    regional: RegionalFunction | None
    person: dict[str, Any]

    @property
    def frame(self) -> int:
        """Frame, counted from 0, that represents the cine: end-diastole, or the first if that is unknown."""
        return self.function.ed_frame or 0


@dataclass(frozen=True)
class Made:
    """A case with its results in memory.

    Args:
        cine: the whole cine, of which ``image`` and ``result`` are one frame.
        insertion: for late enhancement: insertion points of the right ventricle, if known.
        insertion_from: where they come from, as a noun.
    """

    case: Case
    image: io.Image
    result: Result
    sha256: str
    cine: Beat | None = None
    insertion: Insertion | None = None
    insertion_from: str = ""

    def at(self, frame: int | None) -> tuple[io.Image, Result]:
        """Image and result of a frame, counted from 0; None for those of the case."""
        if frame is None or self.cine is None:
            return self.image, self.result
        return self.cine.cine.image(frame), self.cine.result.frame(frame)


def _inside(folder: Path, name: str) -> Path:
    """Return the path of an output in its folder.

    Raises:
        OutputError: the name leads out of the folder, or is not a valid file name on all systems.
    """
    if safe(name) != name or (folder / name).parent != folder:
        raise OutputError(f'"{shown(name)}" cannot be the name of a result: use a plain file name without a folder.')
    return folder / name
