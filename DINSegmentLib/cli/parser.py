"""The command `dinsegment`: arguments in, exit code out. Every command is a function of `cli.commands`."""

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
from ..batch.workers import ENOUGH_CASES
from ..console import Console
from ..errors import Cancelled, DINSegmentError
from ..model.enhancement import METHODS, STRENGTH_RANGE
from ..runtime import prepare
from . import commands

ALL_DONE, SOME_FAILED, NOTHING_WRITTEN, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 all done; 1 some written and some failed; 2 nothing written (bad usage, or every input bad); 130 interrupted.
    """
    # a polite kill is an interrupt: what lies beside the outputs is removed
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    typed = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(typed)  # bad usage ends here, with exit code 2
    options.again = _again(typed)
    options.is_program = arguments is None
    if options.is_program:
        prepare()
    console = Console(machine=getattr(options, "json", False))
    try:
        return options.command(options, console)
    except Cancelled as error:
        console.error(str(error))
        return INTERRUPTED
    except KeyboardInterrupt:
        console.error(
            "Interrupted: what was finished is kept, nothing is half-written; run the same command again to go on."
        )
        return INTERRUPTED
    except DINSegmentError as error:
        console.error(str(error))
        return NOTHING_WRITTEN
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone: nobody is left to tell
        return NOTHING_WRITTEN
    except Exception as error:
        logging.getLogger("dinsegment").exception("unexpected error")
        console.error(f"dinsegment stopped on an unexpected error ({error}): please report it with the lines above.")
        return NOTHING_WRITTEN


def _again(typed: Sequence[str]) -> str | None:
    """The command, for a shell, that goes on where this one was stopped; None: it is not known how we were started."""
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
    """Says what is wrong with the arguments in one sentence, without the list of all of them."""

    def error(self, message: str) -> NoReturn:
        self.exit(NOTHING_WRITTEN, f"{self.prog}: {message} (see {self.prog} --help).\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="dinsegment", description="Dual interaction network segmentation of cardiac MR and abdominal CT volumes."
    )
    parser.add_argument("--version", action="version", version=f"dinsegment {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, summary: str, function: Callable[[argparse.Namespace, Console], int]) -> argparse.ArgumentParser:
        command = subparsers.add_parser(name, help=summary, description=summary)
        command.set_defaults(command=function)
        return command

    _segment(add("segment", "Segment volumes into files.", commands.segment))
    _function(
        add("function", "Segment all frames of a cardiac cine and measure the heart's function.", commands.function)
    )
    _rerun(add("rerun", "Make the results of a record, NAME.json, once more.", commands.rerun))
    _models(add("models", "List the models.", commands.models))
    _enhance(add("enhance", "Write the enhanced volume that the network sees.", commands.enhance))
    _explain(add("explain", "Show which image gave a volume its labels.", commands.explain))
    _demo(add("demo", "Segment the bundled sample, or a volume of yours, with pictures.", commands.demo))
    _train(add("train", "Train a model.", commands.train))
    _sheet(add("sheet", "Draw augmented samples of a training file, to check them.", commands.sheet))
    _pack(add("pack", "Put the weights of a training run into a model folder.", commands.pack))
    _evaluate(add("evaluate", "Score a model on cases with known truth.", commands.evaluate))
    _calibrate(add("calibrate", "Fit a model's temperature and see where its errors lie.", commands.calibrate))
    _ablation(add("ablation", "Train and score the network with parts left out.", commands.ablation))
    _bench(add("bench", "Measure speed and memory on this machine.", commands.bench))
    _doctor(add("doctor", "Check the installation.", commands.doctor))
    return parser


def _path(text: str) -> Path:
    if not text:  # which Path would take for the current folder
        raise argparse.ArgumentTypeError("the path is empty: name a file or a folder")
    return Path(text)


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of processes: give 1 or more")
    return int(text)


def _segment(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "inputs", nargs="+", type=_path, metavar="INPUT",
        help="volume file, folder of volume files or DICOM series, or table (CSV: path, case, model, ...)",
    )  # fmt: skip
    parser.add_argument("--output", type=_path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--pattern", metavar="GLOB", help="only such files of a folder, like '*.nii.gz'")
    parser.add_argument(
        "--no-recursive", action="store_false", dest="recursive", help="do not search the folders in a folder"
    )
    parser.add_argument(
        "--workers", type=_at_least_one, metavar="N",
        help="processes here: 1 with all threads, or several with one thread each; default: several for "
        f"{ENOUGH_CASES} cases or more on a CPU with memory for them, else 1",
    )  # fmt: skip
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="address or file of a Dask scheduler, whose workers do the cases"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="only tell what would be done and refused, with estimates"
    )
    _model(parser, required=True)
    _device(parser)
    _enhancement(parser)
    _mirroring(parser)
    parser.add_argument(
        "--format",
        action="append",
        choices=commands.FORMATS,
        dest="formats",
        help="may be repeated; default seg.nrrd; dcm: DICOM SEG, of DICOM series; "
        "stl, obj, ply: surfaces, NAME_STRUCTURE.stl, in LPS",
    )
    parser.add_argument("--preview", action="store_true", help="also write a picture, NAME.png")
    parser.add_argument(
        "--confidence", action="store_true",
        help="also write NAME_confidence.nii.gz: how sure the network is of the label of each voxel, in percent",
    )  # fmt: skip
    parser.add_argument(
        "--anonymous", action="store_true",
        help="hash ids, made of the inputs' bytes, in place of names and paths in all that is written and told",
    )  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace results that are there already")
    _choice_within_input(parser)
    _json(parser)


def _function(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "input",
        type=_path,
        metavar="INPUT",
        help="4-D file (NIfTI, NRRD, MetaImage), or folder with a DICOM cine series",
    )
    parser.add_argument("--output", type=_path, required=True, metavar="DIR", help="folder for the results")
    _model(parser, help_suffix="; default: cardiac-mr")
    parser.set_defaults(model="cardiac-mr")
    _device(parser)
    parser.add_argument("--heart-rate", type=float, metavar="BPM", help="beats per minute, for the cardiac output")
    parser.add_argument("--height", type=float, metavar="CM", help="with --weight: values per body surface, too")
    parser.add_argument("--weight", type=float, metavar="KG", help="with --height: values per body surface, too")
    parser.add_argument(
        "--temporal", type=float, default=0.0, metavar="WEIGHT",
        help="consistency in time: weight of either neighbour frame, 0 (default, off) to 0.33",
    )  # fmt: skip
    parser.add_argument(
        "--frames-format",
        choices=commands.FRAME_FORMATS,
        help="also write a file for each frame, NAME_f01 and so on; of surfaces one for each structure",
    )
    _enhancement(parser)
    _mirroring(parser)
    parser.add_argument("--series", help="which DICOM series, where a folder holds several: number, description or UID")
    parser.add_argument("--overwrite", action="store_true", help="replace results that are there already")
    _json(parser)


def _rerun(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("record", type=_path, metavar="NAME.json", help="record of a run")
    parser.add_argument("--output", type=_path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--input", type=_path, metavar="INPUT", help="where the input is now; default: as recorded")
    parser.add_argument("--series", help="which DICOM series of the input; default: the record's")
    _model(parser, help_suffix="; default: the record's")
    parser.add_argument("--overwrite", action="store_true", help="replace results that are there already")
    _json(parser)


def _models(parser: argparse.ArgumentParser) -> None:
    _json(parser)


def _enhance(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", type=_path, metavar="INPUT", help="volume file or DICOM folder")
    parser.add_argument("--output", type=_path, required=True, metavar="FILE", help=".nii.gz, .nrrd or .mha")
    _model(parser, help_suffix="; without one: clipped at the 99th percentile, slice by slice along the stack")
    _enhancement(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there already")
    _choice_within_input(parser)


def _explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", type=_path, metavar="INPUT", help="volume file or DICOM folder")
    parser.add_argument(
        "--output", type=_path, required=True, metavar="DIR", help="folder for NAME_why.nii.gz and NAME_why.png"
    )
    _model(parser, required=True)
    _device(parser)
    _enhancement(parser)
    _mirroring(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace results that are there already")
    _choice_within_input(parser)
    _json(parser)


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input", type=_path, metavar="INPUT", help="a volume of yours; default: the bundled sample")
    _model(parser, help_suffix="; needed with --input")
    parser.add_argument("--output", type=_path, default=Path("out/demo"), metavar="DIR", help="default: out/demo")
    _device(parser)


def _train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=_path, required=True, metavar="FILE", help="training file (TOML)")
    parser.add_argument("--data", type=_path, metavar="DIR", help="data folder; default: the training file's")
    parser.add_argument(
        "--output", type=_path, required=True, metavar="RUN", help="run folder; an interrupted run goes on"
    )
    plan = parser.add_mutually_exclusive_group()
    plan.add_argument("--steps", type=int, help="planned number of steps; default: the training file's")
    plan.add_argument("--minutes", type=float, help="planned time instead of a number of steps")
    parser.add_argument("--init", type=_path, metavar="WEIGHTS", help="start from these weights")
    parser.add_argument(
        "--partial", type=_path, metavar="DIR", help="data folder of the training file's partial labels"
    )
    _device(parser)


def _sheet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=_path, required=True, metavar="FILE", help="training file (TOML)")
    parser.add_argument("--data", type=_path, metavar="DIR", help="data folder; default: the training file's")
    parser.add_argument("--output", type=_path, required=True, metavar="FILE", help="picture, .png")
    parser.add_argument("--overwrite", action="store_true", help="replace a picture that is there already")


def _pack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=_path, metavar="RUN", help="run folder of dinsegment train")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--output", type=_path, metavar="FOLDER", help="make a complete model folder")
    _model(where, help_suffix=", whose weights are replaced: the one whose manifest the run used")
    parser.add_argument("--overwrite", action="store_true", help="with --output: replace a model folder that is there")
    parser.add_argument(
        "--bits", type=int, choices=(8, 16), default=8, help="of a stored number; 16 doubles the file; default: 8"
    )


def _evaluate(parser: argparse.ArgumentParser) -> None:
    _model(parser, required=True)
    parser.add_argument("--data", type=_path, required=True, metavar="DIR", help="folder with split.json and cases")
    parser.add_argument("--split", default="valid", help="default: valid")
    parser.add_argument(
        "--output", type=_path, required=True, metavar="DIR", help="folder for evaluation.csv, .json and pictures"
    )
    _device(parser)
    _enhancement(parser)
    _mirroring(parser)
    parser.add_argument(
        "--robustness", action="store_true", help="also score noisy, blurred and flat pictures; takes 10 times the time"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an evaluation that is there already")
    _json(parser)


def _calibrate(parser: argparse.ArgumentParser) -> None:
    _model(parser, required=True)
    parser.add_argument("--data", type=_path, required=True, metavar="DIR", help="folder with split.json and cases")
    parser.add_argument("--split", default="valid", help="default: valid")
    parser.add_argument("--output", type=_path, required=True, metavar="DIR", help="folder for tables and picture")
    _device(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace a calibration that is there already")
    _json(parser)


def _ablation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=_path, required=True, metavar="FILE", help="training file (TOML)")
    parser.add_argument("--data", type=_path, metavar="DIR", help="data folder; default: the training file's")
    parser.add_argument(
        "--output", type=_path, required=True, metavar="DIR", help="folder for runs and table; goes on where it stopped"
    )
    parser.add_argument("--arms", nargs="+", choices="abcdef", help="only these; default: all")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1], help="default: 1")
    parser.add_argument("--minutes", type=float, help="planned time of an arm; default: the training file's plan")
    _device(parser)


def _bench(parser: argparse.ArgumentParser) -> None:
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--rivals", type=_path, metavar="PYTHON",
        help="beside nnU-Net v2 and MONAI's networks, of the environment with this Python (make bench-env makes one)",
    )  # fmt: skip
    kind.add_argument("--batch", action="store_true", help="many small volumes on one and two processes, and by Dask")
    kind.add_argument("--scaling", action="store_true", help="volumes of 2 to 64 slices with 128 to 768 pixels a side")
    parser.add_argument("--cases", type=int, default=500, help="volumes of --batch; default: 500")
    _json(parser)


def _doctor(parser: argparse.ArgumentParser) -> None:
    _json(parser)


def _model(parser: argparse._ActionsContainer, required: bool = False, help_suffix: str = "") -> None:
    parser.add_argument(
        "--model", required=required, metavar="ID", help="id (see dinsegment models), or a model folder" + help_suffix
    )


def _device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:N or mps")


def _enhancement(parser: argparse.ArgumentParser) -> None:
    low, high = STRENGTH_RANGE
    parser.add_argument("--enhancement", choices=METHODS, help="default: the model's")
    parser.add_argument("--strength", type=float, help=f"of the enhancement, {low:g} to {high:g}; default: the model's")


def _mirroring(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mirroring",
        action=argparse.BooleanOptionalAction,
        help="average with the mirrored slice, for twice the time; default: the model's",
    )


def _choice_within_input(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--series", help="which DICOM series, where a folder holds several: number, description or UID")
    parser.add_argument("--frame", type=int, help="which frame of a 4-D volume, counted from 1")


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="JSON for machines")
