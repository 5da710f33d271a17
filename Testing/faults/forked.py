"""Runs the command line in forked children, because readers may crash natively.

A script of its own: the process must not have used ITK's threads, which a fork does not take along. It reads one JSON
list of arguments a line and answers each with one JSON line: ``code`` (negative: the signal that ended the child; None:
it took longer than SECONDS and was killed), ``out`` and ``err``.
"""

import json
import os
import signal
import sys
import tempfile
import time
from typing import Any

import torch

from DINSegmentLib.cli.parser import main
from DINSegmentLib.scene.boot import boot

SECONDS = 10


def run(arguments: list[str]) -> dict[str, Any]:
    """One command in a child."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out, tempfile.TemporaryFile("w+", encoding="utf-8") as err:
        child = os.fork()
        if child == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            os._exit(_code(arguments))
        code = _wait(child)
        texts = {}
        for name, file in (("out", out), ("err", err)):
            file.seek(0)
            texts[name] = file.read()
    return {"code": code, **texts}


def _code(arguments: list[str]) -> int:
    try:
        code = main(arguments)
    except SystemExit as end:
        code = end.code
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 99
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _wait(child: int) -> int | None:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


if __name__ == "__main__":
    torch.set_num_threads(1)
    boot()
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)
