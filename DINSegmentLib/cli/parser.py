"""The command `dinsegment`: parses arguments and returns the exit code. Commands are functions of `cli.commands`."""

import argparse
import logging
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from .. import __version__
from ..batch import interrupts
from ..console import Console, open_closed_streams, printable
from ..errors import Cancelled, DINSegmentError
from ..isolation import sentence
from ..runtime import prepare
from . import commands, options

ALL_DONE, SOME_FAILED, NOTHING_WRITTEN, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        0 all succeeded; 1 some failed; 2 nothing written (bad usage, or all inputs failed); 130 interrupted.
    """
    open_closed_streams()
    for number in interrupts.endings():  # treated as Ctrl-C, so that temporary files are removed
        signal.signal(number, signal.default_int_handler)
    typed = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(typed)  # bad usage exits here with code 2
    options.again = _again(typed)
    options.is_program = arguments is None
    if options.is_program:
        prepare()
    console = Console(machine=getattr(options, "json", False))
    if options.is_program:
        logging.basicConfig(format="%(message)s", handlers=[console.log_handler()])
        logging.captureWarnings(True)
    try:
        return options.command(options, console)
    except Cancelled as error:
        console.error(*error.args)
        return INTERRUPTED
    except KeyboardInterrupt:
        console.error(
            "Interrupted. Completed cases were kept and no partial files were written. "
            "Re-run the same command to resume."
        )
        return INTERRUPTED
    except DINSegmentError as error:
        console.error(str(error))
        return NOTHING_WRITTEN
    except BrokenPipeError:
        sys.stderr.close()  # the reader of the output is gone: nobody reads messages
        return NOTHING_WRITTEN
    except Exception as error:
        if isinstance(error, ModuleNotFoundError):
            console.error(sentence(error, "dinsegment"))
            return NOTHING_WRITTEN
        logging.getLogger("dinsegment").exception("unexpected error")
        console.error(f"dinsegment stopped on an unexpected error ({error}): please report it with the lines above.")
        return NOTHING_WRITTEN


def _again(typed: Sequence[str]) -> str | None:
    """Return the shell command that resumes this one; None if it is unknown how the program was started."""
    program = Path(sys.argv[0])
    if program.name == "__main__.py":
        start = [sys.executable, "-m", __name__.partition(".")[0]]
    elif program.name == "DINSegmentBatch.py":
        start = ["Slicer", "--no-main-window", "--no-splash", "--python-script", sys.argv[0], "--"]
    elif program.stem == "dinsegment":
        start = [sys.argv[0]]
    else:
        return None
    words = [*start, *typed]
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


class _Parser(argparse.ArgumentParser):
    """Reports bad arguments in one sentence, without listing all options."""

    def error(self, message: str) -> NoReturn:
        self.exit(NOTHING_WRITTEN, f"{self.prog}: {printable(message)} (see {self.prog} --help).\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="dinsegment",
        description="Segment cardiac MR and abdominal CT volumes with a dual interaction network "
        "(DIN). Research use only.",
    )
    parser.add_argument("--version", action="version", version=f"dinsegment {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, summary: str, function: Callable[[argparse.Namespace, Console], int]) -> argparse.ArgumentParser:
        command = subparsers.add_parser(name, help=summary, description=summary)
        command.set_defaults(command=function)
        return command

    options.segment(add("segment", "Segment volumes and cines.", commands.segment))
    options.function(add("function", "Segment one cardiac cine and measure its function.", commands.function))
    options.rerun(add("rerun", "Reproduce the results of an earlier run from its record, NAME.json.", commands.rerun))
    options.inspect(add("inspect", "Describe images and list the model that suits each.", commands.inspect))
    options.report(add("report", "Update the report of a result after its label map was edited.", commands.report))
    options.models(add("models", "List the models.", commands.models))
    options.enhance(add("enhance", "Write the enhanced volume, as the network receives it.", commands.enhance))
    options.explain(
        add("explain", "Map the input image that each label relies on, original or enhanced.", commands.explain)
    )
    options.demo(add("demo", "Segment the bundled sample or your own volume, with preview images.", commands.demo))
    options.train(add("train", "Train a model.", commands.train))
    options.sheet(add("sheet", "Draw augmented training samples for visual inspection.", commands.sheet))
    options.pack(add("pack", "Put the weights of a training run into a model folder.", commands.pack))
    options.evaluate(add("evaluate", "Evaluate a model against reference segmentations.", commands.evaluate))
    options.calibrate(
        add(
            "calibrate",
            "Calibrate a model's confidence (temperature scaling) and report where its errors are.",
            commands.calibrate,
        )
    )
    options.ablation(add("ablation", "Train and evaluate the network with components removed.", commands.ablation))
    options.bench(add("bench", "Measure speed and memory on this machine.", commands.bench))
    options.doctor(add("doctor", "Check the installation.", commands.doctor))
    return parser
