"""Child processes started and read through Qt, without threads, so that Slicer's window never blocks."""

import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import qt
from slicer.i18n import tr as _

_START = (  # `_exit` as in the server's last line
    "import importlib, os, sys; sys.path.insert(0, sys.argv.pop(1)); "
    "os._exit(importlib.import_module(sys.argv.pop(1)).main())"
)
_LIBRARY = str(Path(__file__).resolve().parents[2])


def python() -> str:
    """Return the real Python interpreter, because `sys.executable` is a launcher in Slicer, and killing a launcher
    would leave its child alive.
    """
    return shutil.which("python-real") or sys.executable


class Client(Protocol):
    """Receiver of a process's output."""

    def received(self, data: bytes) -> None:
        """Called with bytes of standard output."""

    def ended(self, code: int, crashed: bool) -> None: ...


class Process:
    """A `worker.client.Channel` over QProcess.

    Args:
        parent: QObject that owns the process.
        on_log: called with what the process writes to standard error.
        module: library module whose ``main`` runs.
        variables: environment variables in addition to Slicer's.
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

    def start(self, *arguments: str) -> None:
        self._process.blockSignals(False)  # after `end`
        # -P: never import from the current folder, which contains data
        self._process.start(python(), ["-P", "-c", _START, _LIBRARY, self._module, *arguments])

    def write(self, data: bytes) -> None:
        self._process.write(data)

    def close(self) -> None:
        self._process.closeWriteChannel()

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> None:
        """Kill the process and wait, because nothing would read it after Slicer or the panel is gone."""
        self._process.blockSignals(True)
        self._process.kill()
        self._process.waitForFinished(2000)

    def _on_output(self) -> None:
        self.client.received(bytes(self._process.readAllStandardOutput().data()))

    def _on_error_output(self) -> None:
        self._on_log(bytes(self._process.readAllStandardError().data()).decode(errors="replace").rstrip())

    def _on_finished(self, code: int, status: int) -> None:
        self._on_output()  # output that arrived with the end
        self.client.ended(code, status == qt.QProcess.CrashExit)

    def _on_fault(self, fault: int) -> None:
        if fault == qt.QProcess.FailedToStart:  # all other errors are followed by `finished`
            self._on_log(_("{program} cannot be started.").format(program=python()))
            self.client.ended(-1, True)
