"""Hands volumes to the worker's process, one run at a time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _

from ..engine.parameters import Parameters
from ..worker.client import Client, Listener, Measurement, Request
from ..worker.protocol import Code
from .jobs import Job
from .process import Process
from .translation import told

_TURN = 100  # ms between two looks at the time limits


class Runner:
    """One run at a time, in the worker's process; what was edited is measured there meanwhile.

    Args:
        parent: QObject that owns process and timer.
        on_log: gets lines for the log.
        on_trouble: gets what the worker cannot do, when that is not about a run.
    """

    def __init__(
        self, parent: Any, on_log: Callable[[str], None], on_trouble: Callable[[Code, str], None]
    ) -> None:  # fmt: skip
        self._channel = Process(parent, on_log)
        self.client = Client(self._channel)
        self._channel.client = self.client
        self.client.on_trouble = on_trouble
        self._waiting: tuple[Request, Job] | None = None  # until a measurement has ended
        self._timer = qt.QTimer(parent)
        self._timer.connect("timeout()", self._on_turn)

    @property
    def busy(self) -> bool:
        """Whether a run continues; a measurement alone does not count."""
        return self._waiting is not None or self.client.busy and not self.client.measuring

    def segment(self, parameters: Parameters, device: str, threads: int, job: Job) -> None:
        """Begin.

        Raises:
            InputError, GeometryError: the volume node cannot be used.
            OSError: there is no place for temporary files.
        """
        array, geometry, times = job.data()
        # a node's name may be a patient's, and messages go into the log: the worker does not get it
        request = Request(
            array, geometry, Path(job.model.folder), device, threads, parameters, times=times, map=job.map,
            surfaces=job.surfaces,
        )  # fmt: skip
        if self.client.busy:
            self._waiting = request, job
        else:
            self.client.segment(request, job)
        self._timer.start(0)

    def measure(self, measurement: Measurement, listener: Listener) -> bool:
        """Begin to measure; False: something else is under way.

        Raises:
            OSError: there is no place for temporary files.
        """
        if self.client.busy or self._waiting is not None:
            return False
        self.client.measure(measurement, listener)
        self._timer.start(0)
        return True

    def warm_up(self, on_devices: Callable[[list[dict[str, str]]], None]) -> None:
        """Start the worker before it is needed, and ask it for the devices that work here."""
        self.client.on_devices = on_devices
        self.client.ask_for_devices()

    def cancel(self) -> None:
        if self._waiting is not None:
            (_request, job), self._waiting = self._waiting, None
            job.failed(Code.CANCELLED, _("Canceled before it began: nothing was changed."))
        elif not self.client.measuring:
            self.client.cancel()

    def release(self) -> None:
        self.client.release()

    def end(self) -> None:
        """Stop everything at once: the panel goes."""
        self._timer.stop()
        self._waiting = None
        self.client.release()
        self._channel.end()

    def _on_turn(self) -> None:
        self.client.tick()
        if self.client.busy:
            if self._timer.interval == 0 and not self.client.copying:
                self._timer.start(_TURN)
        elif self._waiting is None:
            self._timer.stop()
        else:
            (request, job), self._waiting = self._waiting, None
            try:
                self.client.segment(request, job)
                self._timer.start(0)
            except OSError as error:
                job.failed(Code.OUTPUT, told(error))
