"""Sends volumes to the worker process, one run at a time."""

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

_TURN = 100  # ms between checks of the time limits


class Runner:
    """Runs one job at a time in the worker process, which also measures edited segments between runs.

    Args:
        parent: QObject that owns process and timer.
        on_log: called with lines for the log.
        on_trouble: called with problems of the worker that do not concern a run.
    """

    def __init__(
        self, parent: Any, on_log: Callable[[str], None], on_trouble: Callable[[Code, str], None]
    ) -> None:  # fmt: skip
        self._channel = Process(parent, on_log)
        self.client = Client(self._channel)
        self._channel.client = self.client
        self.client.on_trouble = on_trouble
        self._waiting: tuple[Request, Job] | None = None  # until a measurement is finished
        self._timer = qt.QTimer(parent)
        self._timer.connect("timeout()", self._on_turn)

    @property
    def busy(self) -> bool:
        """Whether a run is in progress; a measurement alone does not count."""
        return self._waiting is not None or self.client.busy and not self.client.measuring

    def segment(self, parameters: Parameters, device: str, threads: int, job: Job) -> None:
        """Start a run.

        Raises:
            InputError, GeometryError: the volume node cannot be used.
            OSError: temporary files cannot be created.
        """
        array, geometry, times = job.data()
        # omit the node's name, which may be a patient's, because the worker's messages go into the log
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
        """Start a measurement; return False if the worker is busy.

        Raises:
            OSError: temporary files cannot be created.
        """
        if self.client.busy or self._waiting is not None:
            return False
        self.client.measure(measurement, listener)
        self._timer.start(0)
        return True

    def warm_up(self, on_devices: Callable[[list[dict[str, str]]], None]) -> None:
        """Start the worker before it is needed, and request the devices that work on this machine."""
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
        """Stop everything immediately, because the panel closes."""
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
