"""Slicer's side of the worker: its state, its answers, and the outcome of each run.

Independent of Qt and MRML: bytes go through a given channel, and the owner's timer calls `Client.tick`.
"""

import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Protocol
from zipfile import BadZipFile

import numpy as np

from .. import ownership
from ..engine.parameters import Parameters
from ..geometry import Geometry
from ..io.surfaces import Surface
from ..messages import Sentence as _
from ..messages import from_json, to_json
from .protocol import PREFIX, VERSION, Code, Lines, Map, ProtocolError, decode, encode
from .work import heard

SILENCE = 60.0  # seconds without a line during a run, after which the worker counts as stuck
_SLEEP = 10.0  # seconds between two ticks, after which the computer must have slept, so the worker is not to blame
PATIENCE = 2.0  # seconds that a canceled run gets to stop before it is killed
_PIECE = 8_000_000  # bytes copied per turn, which takes a few milliseconds, so that the window stays responsive


class Channel(Protocol):
    """A process with pipes; its output goes to `Client.received`, its end to `Client.ended`."""

    def start(self) -> None: ...
    def write(self, data: bytes) -> None: ...
    def close(self) -> None:
        """Close its input, which makes it end."""

    def kill(self) -> None: ...


class State(Enum):
    """State of the worker."""

    OFF = "off"
    STARTING = "starting"
    READY = "ready"
    RUNNING = "running"
    CANCELLING = "cancelling"
    ENDING = "ending"


@dataclass(frozen=True, eq=False)
class Request:
    """A request to segment a volume.

    Args:
        volume: (K, J, I), or frames of a cine (T, K, J, I), any real type; read until the run has started.
        geometry: grid in world coordinates, of one frame.
        model: folder of the model.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        threads: number of CPU threads; 0 for torch's default.
        parameters: settings of the run.
        name: name of the volume in messages.
        times: times of a cine's frames in ms, if known.
        map: map to compute instead of labels, for a single volume.
        surfaces: whether to compute closed surfaces in addition to labels, for a single volume.
    """

    volume: np.ndarray
    geometry: Geometry
    model: Path
    device: str = "auto"
    threads: int = 0
    parameters: Parameters = field(default_factory=Parameters)
    name: str = _("The volume")
    times: Sequence[float] | None = None
    map: Map | None = None
    surfaces: bool = False


@dataclass(frozen=True, eq=False)
class Measurement:
    """A request to measure current labels without segmenting.

    Args:
        labels: (K, J, I), or (T, K, J, I) for a cine, uint8; read until the measurement has started.
        volume: (K, J, I), any real type; None for a cine.
        geometry: grid in world coordinates, of one frame.
        model: folder of the model that made the labels.
        times: times of a cine's frames in ms, if known.
    """

    labels: np.ndarray
    volume: np.ndarray | None
    geometry: Geometry
    model: Path
    times: Sequence[float] | None = None


class Listener(Protocol):
    """Receiver of a run's progress. After ``finished`` or ``failed``, nothing more is called."""

    def loading(self, warm: bool) -> None: ...
    def progressed(self, done: int, total: int) -> None: ...
    def finished(self, labels: np.ndarray, story: dict[str, Any]) -> None: ...
    def failed(self, code: Code, text: str) -> None: ...


class _Run:
    """A request in progress, with its files, which contain a patient's image."""

    def __init__(self, identity: int, request: Request | Measurement, listener: Listener) -> None:
        self.identity, self.request, self.listener = identity, request, listener
        self.folder, self._held = ownership.make_folder(PREFIX, Path(tempfile.gettempdir()))
        self.volume, self.labels = self.folder / "volume", self.folder / "labels"
        self.surfaces = self.folder / "surfaces" if isinstance(request, Request) and request.surfaces else None
        given = [(request.volume, self.volume)]
        if isinstance(request, Measurement):
            given.append((request.labels, self.labels))
        self._pieces = [
            (array, path, start, start + count)
            for array, path in given
            if array is not None
            for count in [max(1, _PIECE // max(1, array[:1].nbytes))]
            for start in range(0, len(array), count)
        ]
        self.cancelled = False

    def copy_a_piece(self) -> bool:
        """Write some slices; return True if everything is written."""
        if not self._pieces:
            return True
        array, path, start, stop = self._pieces.pop(0)
        with path.open("ab") as file:
            file.write(np.ascontiguousarray(array[start:stop]).data)
        return not self._pieces

    def message(self) -> bytes:
        request = self.request
        if isinstance(request, Measurement):
            volume = request.volume
            return encode(
                "measure", id=self.identity, volume=None if volume is None else str(self.volume),
                labels=str(self.labels), shape=list(request.labels.shape),
                dtype=None if volume is None else volume.dtype.str,
                matrix=request.geometry.ijk_to_ras.ravel().tolist(), model=str(request.model), times=request.times,
            )  # fmt: skip
        return encode(
            "segment", id=self.identity, name=to_json(request.name), volume=str(self.volume), labels=str(self.labels),
            shape=list(request.volume.shape), dtype=request.volume.dtype.str,
            matrix=request.geometry.ijk_to_ras.ravel().tolist(), model=str(request.model), device=request.device,
            threads=request.threads, parameters=asdict(request.parameters),
            times=request.times, map=request.map, surfaces=self.surfaces and str(self.surfaces),
        )  # fmt: skip

    def result(self) -> np.ndarray:
        """Labels uint8 or a map, of the volume's shape; raises ValueError if the file is incomplete."""
        if isinstance(self.request, Measurement):
            return self.request.labels
        dtype = np.float32 if self.request.map is Map.ATTRIBUTION else np.uint8
        return np.fromfile(self.labels, dtype).reshape(self.request.volume.shape)

    def read_surfaces(self) -> dict[int, Surface]:
        """Surfaces by label value; raises NumPy's or zipfile's errors if the file is incomplete."""
        if self.surfaces is None:
            return {}
        with np.load(self.surfaces, allow_pickle=False) as file:
            return {int(value): Surface(file[f"points{value}"], file[f"triangles{value}"]) for value in file["values"]}

    def remove_files(self) -> bool:
        """Remove the files; return False if that failed, as on Windows while a process has a file open."""
        return ownership.remove(self.folder, self._held)


class Client:
    """Starts the worker when it is needed, for one run at a time.

    Args:
        channel: the worker process.
        clock: returns seconds, for the time limits.
    """

    def __init__(self, channel: Channel, clock: Callable[[], float] = time.monotonic) -> None:
        ownership.sweep(Path(tempfile.gettempdir()), PREFIX)  # left by a Slicer that crashed
        self._channel, self._clock = channel, clock
        self._lines = Lines()
        self._state = State.OFF
        self._run: _Run | None = None
        self._count = 0
        self._heard = self._asked_to_stop = 0.0
        self._ticked = clock()
        self._sent = self._started_again = False
        self.about: dict[str, Any] = {}  # the worker's description of itself
        self.devices: list[dict[str, str]] = []
        self.on_devices: Callable[[list[dict[str, str]]], None] = lambda found: None
        self.on_trouble: Callable[[Code, str], None] = lambda code, text: None  # for problems that do not concern a run
        self._doomed: list[_Run] = []  # their files could not be removed yet

    @property
    def state(self) -> State:
        return self._state

    @property
    def busy(self) -> bool:
        """Whether a run is in progress; then `tick` must be called often."""
        return self._run is not None

    @property
    def measuring(self) -> bool:
        """Whether a measurement is in progress."""
        return self._run is not None and isinstance(self._run.request, Measurement)

    def start(self) -> None:
        """Start the process if there is none, without loading torch."""
        if self._state is State.OFF:  # if one is still ending, see `ended`
            self._state, self._lines, self._heard = State.STARTING, Lines(), self._clock()
            self._channel.start()
            self._channel.write(encode("hello", version=VERSION))

    def ask_for_devices(self) -> None:
        """Let the process load torch and report names and reasons to `on_devices`."""
        self.start()
        if self._state is not State.ENDING:
            self._channel.write(encode("devices"))

    def segment(self, request: Request, listener: Listener) -> None:
        """Start a run; the listener receives everything else.

        Raises:
            RuntimeError: a run or measurement is in progress.
            OSError: temporary files cannot be created.
        """
        self._begin(request, listener)

    def measure(self, measurement: Measurement, listener: Listener) -> None:
        """Start a measurement, as `segment`."""
        self._begin(measurement, listener)

    def _begin(self, request: Request | Measurement, listener: Listener) -> None:
        if self.busy:
            raise RuntimeError("a run goes on")
        self._count += 1
        self._run, self._sent, self._started_again = _Run(self._count, request, listener), False, False
        self._heard = self._clock()
        self.start()

    def cancel(self) -> None:
        """Ask the run to stop; after `PATIENCE` seconds its process is killed."""
        if self._run is None or self._run.cancelled:
            return
        self._run.cancelled = True
        if not self._sent:
            self._fail(Code.CANCELLED, _("Canceled before it began: nothing was changed."))
            return
        self._state, self._asked_to_stop = State.CANCELLING, self._clock()
        self._channel.write(encode("cancel", id=self._run.identity))

    def release(self) -> None:
        """End the process to free its memory; a run is canceled."""
        if self._run is not None:
            self._give_up(Code.CANCELLED, _("Canceled: nothing was changed."))
        elif self._state not in (State.OFF, State.ENDING):
            self._state = State.ENDING
            self._channel.close()

    def tick(self) -> None:
        """Check time limits and copy data; call several times a second, and continuously while `copying`."""
        now, run = self._clock(), self._run
        if now - self._ticked > _SLEEP:
            self._heard += now - self._ticked
        self._ticked = now
        self._remove_files()
        if run is not None and self.copying:
            self._copy(run)
        elif self._state is State.CANCELLING and now - self._asked_to_stop > PATIENCE:
            self._give_up(Code.CANCELLED, _("Canceled (the process had to be stopped): nothing was changed."))
        elif self._run is not None and now - self._heard > SILENCE:
            self._give_up(
                Code.SILENT,
                _(
                    "The worker did not respond for {seconds:.0f} seconds and was stopped: try again, with fewer "
                    "threads or on another device.",
                    seconds=SILENCE,
                ),
            )

    @property
    def copying(self) -> bool:
        """Whether the volume is being sent, a piece with every `tick`."""
        return self._run is not None and not self._sent

    def _copy(self, run: _Run) -> None:
        try:
            whole = run.copy_a_piece()
        except OSError as error:
            self._fail(
                Code.OUTPUT,
                _(
                    "The volume cannot be sent to the worker ({cause}): free space in {folder}.",
                    cause=error.strerror,
                    folder=tempfile.gettempdir(),
                ),
            )
            return
        if whole and self._state in (State.STARTING, State.READY):
            self._channel.write(run.message())
            self._sent, self._heard = True, self._clock()
            if self._state is State.READY:
                self._state = State.RUNNING

    def received(self, data: bytes) -> None:
        """Called with bytes of the process's standard output."""
        try:
            for line in self._lines.feed(data):
                self._heard = self._clock()
                self._take(decode(line))
        except ProtocolError as error:
            logging.getLogger("dinsegment").warning("the worker sent an invalid message: %s", error)

    def ended(self, code: int, crashed: bool) -> None:
        """Handle the end of the process; a run that had not reached it is sent to a new one."""
        self._state = State.OFF
        self.about = {}
        self._remove_files()
        if self.copying and not self._started_again:
            self._started_again = True
            self.start()
            return
        how = _("was killed or crashed") if crashed else _("ended with exit code {code}", code=code)
        self._fail(
            Code.KILLED,
            _(
                "The worker {how} during the run, and nothing was changed: try again; if memory is short, choose "
                "fewer threads or close other programs.",
                how=how,
            ),
        )

    def _take(self, message: dict[str, Any]) -> None:
        kind, run = message["kind"], self._run
        if kind == "ready":
            self.about = message
            self._state = State.RUNNING if self._sent and run is not None else State.READY
        elif kind == "devices":
            self.devices = [
                {name: value if name == "name" else from_json(value) for name, value in one.items()}
                for one in message["found"]
            ]
            self.on_devices(self.devices)
        elif kind == "error" and "id" not in message:
            if run is None:
                self.on_trouble(Code(message["code"]), from_json(message["text"]))
            self._fail(Code(message["code"]), from_json(message["text"]))
        elif run is None or message.get("id") != run.identity:
            return  # of an abandoned run
        elif kind == "loading":
            run.listener.loading(message["warm"])
        elif kind == "progress":
            run.listener.progressed(message["done"], message["total"])
        elif kind == "error":
            self._fail(Code(message["code"]), from_json(message["text"]))
        elif kind == "done":
            self._finish(run, message)

    def _finish(self, run: _Run, message: dict[str, Any]) -> None:
        try:
            labels, surfaces = run.result(), run.read_surfaces()
        except (OSError, ValueError, EOFError, KeyError, BadZipFile):
            self._fail(
                Code.OUTPUT,
                _("The result did not arrive completely, and nothing was changed: free space, then try again."),
            )
            return
        self._let_go(run).finished(labels, heard(message, surfaces))

    def _give_up(self, code: Code, text: str) -> None:
        """Fail the run and end its process immediately."""
        self._fail(code, text)
        self._state = State.ENDING
        self._channel.kill()

    def _fail(self, code: Code, text: str) -> None:
        if self._run is not None:
            self._let_go(self._run).failed(code, text)

    def _remove_files(self) -> None:
        self._doomed = [run for run in self._doomed if not run.remove_files()]

    def _let_go(self, run: _Run) -> Listener:
        """End the run and remove its files before the listener is called."""
        self._run = None
        self._doomed.append(run)
        self._remove_files()
        if self._state in (State.RUNNING, State.CANCELLING):
            self._state = State.READY
        return run.listener
