"""Processes of the module, started and read through Qt: no thread of our own, and Slicer's window never waits."""

import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import qt
from slicer.i18n import tr as _

_START = (  # `_exit` as in the server's own last line
    "import importlib, os, sys; sys.path.insert(0, sys.argv.pop(1)); "
    "os._exit(importlib.import_module(sys.argv.pop(1)).main())"
)
LIBRARY = str(Path(__file__).resolve().parents[2])


def python() -> str:
    """The interpreter itself, so that its process can be ended: in Slicer `sys.executable` is a launcher, which would
    leave its child alive when it is killed.
    """
    return shutil.which("python-real") or sys.executable


class Client(Protocol):
    """Who hears a process."""

    def received(self, data: bytes) -> None:
        """Bytes of its standard output."""

    def ended(self, code: int, crashed: bool) -> None: ...


class Process:
    """A `worker.client.Channel` over QProcess.

    Args:
        parent: QObject that owns the process.
        on_log: gets what the process writes to its standard error.
        module: of the library, whose ``main`` runs.
        variables: of its environment, beside those of Slicer.
    """

    def __init__(
        self, parent: Any, on_log: Callable[[str], None], module: str = "worker.server",
        variables: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.client: Client  # set by the owner of both
        self._on_log, self._module = on_log, f"DINSegmentLib.{module}"
        self._process = qt.QProcess(parent)
        environment = qt.QProcessEnvironment.systemEnvironment()
        always = {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", "PYTHONNOUSERSITE": "1"}
        for name, value in {**always, **(variables or {})}.items():
            environment.insert(name, value)
        self._process.setProcessEnvironment(environment)
        self._process.connect("readyReadStandardOutput()", self._on_output)
        self._process.connect("readyReadStandardError()", self._on_error_output)
        self._process.connect("finished(int,QProcess::ExitStatus)", self._on_finished)
        self._process.connect("errorOccurred(QProcess::ProcessError)", self._on_fault)

    def start(self) -> None:
        # -P: what lies in the current folder is data, and never imported
        self._process.start(python(), ["-P", "-c", _START, LIBRARY, self._module])

    def write(self, data: bytes) -> None:
        self._process.write(data)

    def close(self) -> None:
        self._process.closeWriteChannel()

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> None:
        """Kill it and wait: when Slicer or the panel goes, nobody is left to read it."""
        self._process.blockSignals(True)
        self._process.kill()
        self._process.waitForFinished(2000)

    def _on_output(self) -> None:
        self.client.received(bytes(self._process.readAllStandardOutput().data()))

    def _on_error_output(self) -> None:
        self._on_log(bytes(self._process.readAllStandardError().data()).decode(errors="replace").rstrip())

    def _on_finished(self, code: int, status: int) -> None:
        self._on_output()  # what came with the end
        self.client.ended(code, status == qt.QProcess.CrashExit)

    def _on_fault(self, fault: int) -> None:
        if fault == qt.QProcess.FailedToStart:  # `finished` reports all others
            self._on_log(_("{program} cannot be started.").format(program=python()))
            self.client.ended(-1, True)
