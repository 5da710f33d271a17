"""Options of the commands of `dinsegment`."""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ..batch.workers import ENOUGH_CASES
from ..errors import InputError
from ..model.enhancement import METHODS, STRENGTH_RANGE, EnhancementChoice
from . import commands
from .commands.archive import add_options as add_archive_options


def _path(text: str) -> Path:
    if not text:  # Path would use the current folder
        raise argparse.ArgumentTypeError("the path is empty: name a file or a folder")
    return Path(text)


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number of processes: use 1 or more")
    return int(text)


def segment(parser: argparse.ArgumentParser) -> None:
    _inputs(parser, "*")
    parser.add_argument("--output", type=_path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument(
        "--workers", type=_at_least_one, metavar="N",
        help="number of local processes (if more than 1, each uses one thread); default: 1, or "
        "chosen automatically for "
        f"{ENOUGH_CASES} or more cases on a CPU",
    )  # fmt: skip
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="address or file of a Dask scheduler; its workers segment the cases"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="list the inputs that would be segmented or rejected, with estimated time and memory; write nothing",
    )
    _model(parser, default="auto", help_suffix="; default: auto, which chooses by content and lists what no model fits")
    _device(parser)
    _enhancement(parser)
    _mirroring(parser)
    parser.add_argument(
        "--format",
        action="append",
        choices=commands.FORMATS,
        dest="formats",
        help="output format, repeatable; dcm: DICOM Segmentation and measurements (SR), dicom-pdf: a report as DICOM, "
        "both for DICOM input only; stl, obj, ply: one surface per structure, in LPS coordinates; html, pdf: a "
        "report of each case, NAME_report.html; default: seg.nrrd",
    )
    parser.add_argument(
        "--dicom-frames", choices=("phases", "all"), default="phases",
        help="frames of a cine that --format dcm writes, one file each: phases (default; end-diastole and end-systole) "
        "or all",
    )  # fmt: skip
    _cine(parser)
    parser.add_argument("--preview", action="store_true", help="also write a preview image, NAME.png")
    parser.add_argument(
        "--confidence", action="store_true",
        help="also write NAME_confidence.nii.gz, the confidence of each voxel's label in percent",
    )  # fmt: skip
    parser.add_argument(
        "--anonymous", action="store_true",
        help="replace names and paths with pseudonymous IDs (hashes of the input) in all output files and messages",
    )  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="overwrite existing results")
    _choice_within_input(parser)
    _json(parser)
    add_archive_options(parser)


def function(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "inputs", nargs=1, type=_path, metavar="INPUT",
        help="4-D file (NIfTI, NRRD, MetaImage), or folder with a DICOM cine series",
    )  # fmt: skip
    parser.add_argument("--output", type=_path, required=True, metavar="DIR", help="folder for the results")
    _model(parser, help_suffix="; default: cardiac-mr")
    of_segment = argparse.ArgumentParser()  # provides defaults for the options that this command lacks
    segment(of_segment)
    defaults = vars(of_segment.parse_args(["INPUT", "--output", "DIR", "--model", "cardiac-mr", "--format", "nii.gz"]))
    parser.set_defaults(**{**defaults, "workers": 1})
    _device(parser)
    _cine(parser)
    _enhancement(parser)
    _mirroring(parser)
    parser.add_argument(
        "--series", help="DICOM series to use if the folder contains several: number, description or UID"
    )
    _reading(parser)
    parser.add_argument("--overwrite", action="store_true", help="overwrite existing results")
    _json(parser)


def _cine(parser: argparse.ArgumentParser) -> None:
    """Add options for cines with a cardiac model."""
    parser.add_argument(
        "--heart-rate", type=float, metavar="BPM", help="heart rate in beats per minute, for cardiac output"
    )
    parser.add_argument(
        "--height",
        type=float,
        metavar="CM",
        help="patient height in cm; with --weight, adds values indexed to body surface area",
    )
    parser.add_argument(
        "--weight",
        type=float,
        metavar="KG",
        help="patient weight in kg; with --height, adds values indexed to body surface area",
    )
    parser.add_argument(
        "--frames-format",
        choices=commands.FRAME_FORMATS,
        help="also write one file per frame (NAME_f01, NAME_f02, ...); for surfaces, one per frame and structure",
    )


def rerun(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("record", type=_path, metavar="NAME.json", help="record of a run")
    parser.add_argument("--output", type=_path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--input", type=_path, metavar="INPUT", help="current path of the input; default: as recorded")
    parser.add_argument("--series", help="DICOM series of the input; default: as recorded")
    _model(parser, help_suffix="; default: as recorded")
    parser.add_argument("--overwrite", action="store_true", help="overwrite existing results")
    _json(parser)


def report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "record", type=_path, metavar="NAME.json", help="record of a run; its label map is in the same folder"
    )
    parser.add_argument("--labels", type=_path, metavar="FILE", help="edited label map; default: NAME.nii.gz")
    parser.add_argument("--input", type=_path, metavar="INPUT", help="current path of the input; default: as recorded")
    parser.add_argument("--output", type=_path, metavar="DIR", help="folder for the report; default: of the record")
    _model(parser, help_suffix="; default: as recorded")
    parser.add_argument(
        "--format", action="append", choices=("html", "pdf"), dest="formats", help="repeatable; default: html"
    )
    parser.add_argument(
        "--reviewer", metavar="NAME", help="name of the reviewer; the report shows it with today's date"
    )
    parser.add_argument("--comment", default="", metavar="TEXT", help="comment of the reviewer; requires --reviewer")
    for side in ("anterior", "inferior"):
        parser.add_argument(
            f"--{side}", type=float, nargs=3, metavar=("R", "A", "S"),
            help=f"{side} insertion of the right ventricle, a point in RAS coordinates in mm; default: from the labels",
        )  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="overwrite an existing report")
    _json(parser)


def inspect(parser: argparse.ArgumentParser) -> None:
    _inputs(parser, "+")
    _choice_within_input(parser)
    _json(parser)


def models(parser: argparse.ArgumentParser) -> None:
    _json(parser)


def enhance(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", type=_path, metavar="INPUT", help="volume file or DICOM folder")
    parser.add_argument("--output", type=_path, required=True, metavar="FILE", help=".nii.gz, .nrrd or .mha")
    _model(
        parser,
        help_suffix="; without a model, intensities are clipped at the 99th percentile and slices follow the stack",
    )
    _enhancement(parser)
    parser.add_argument("--overwrite", action="store_true", help="overwrite an existing file")
    _choice_within_input(parser)


def explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", type=_path, metavar="INPUT", help="volume file or DICOM folder")
    parser.add_argument(
        "--output", type=_path, required=True, metavar="DIR", help="folder for NAME_attribution.nii.gz and .png"
    )
    _model(parser, required=True)
    _device(parser)
    _enhancement(parser)
    _mirroring(parser)
    parser.add_argument("--overwrite", action="store_true", help="overwrite existing results")
    _choice_within_input(parser)
    _json(parser)


def demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input", type=_path, metavar="INPUT", help="your own volume; default: the bundled sample")
    _model(parser, help_suffix="; required with --input")
    parser.add_argument("--output", type=_path, default=Path("out/demo"), metavar="DIR", help="default: out/demo")
    _device(parser)


def train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=_path, required=True, metavar="FILE", help="training file (TOML)")
    parser.add_argument("--data", type=_path, metavar="DIR", help="data folder; default: from the training file")
    parser.add_argument(
        "--output", type=_path, required=True, metavar="RUN", help="run folder; an interrupted run resumes"
    )
    plan = parser.add_mutually_exclusive_group()
    plan.add_argument("--steps", type=int, help="planned number of steps; default: from the training file")
    plan.add_argument("--minutes", type=float, help="planned time instead of a number of steps")
    parser.add_argument(
        "--init",
        type=_path,
        metavar="WEIGHTS",
        help="start from these weights: the best.pt of a run, or the weights.pt of a model",
    )
    parser.add_argument(
        "--partial", type=_path, metavar="DIR", help="data folder of the training file's partial labels"
    )
    _device(parser)


def sheet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=_path, required=True, metavar="FILE", help="training file (TOML)")
    parser.add_argument("--data", type=_path, metavar="DIR", help="data folder; default: from the training file")
    parser.add_argument("--output", type=_path, required=True, metavar="FILE", help="image, .png")
    parser.add_argument("--overwrite", action="store_true", help="overwrite an existing image")


def pack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=_path, metavar="RUN", help="run folder of dinsegment train")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--output", type=_path, metavar="FOLDER", help="make a complete model folder")
    _model(where, help_suffix="; its weights are replaced, and the run must have used its manifest")
    parser.add_argument("--overwrite", action="store_true", help="with --output: overwrite an existing model folder")
    what = "bits per stored number; 16 nearly doubles the file size; default: 8"
    parser.add_argument("--bits", type=int, choices=(8, 16), default=8, help=what)
    parser.add_argument("--average", type=_path, metavar="WEIGHTS", help="average the run's weights with this file's")
    parser.add_argument("--share", type=float, metavar="S", help="with --average: share of the run's; default: 0.5")
    what = "add S to the score of a structure: above 0, more voxels get its label; repeatable"
    parser.add_argument("--shift", action="append", nargs=2, metavar=("STRUCTURE", "S"), default=[], help=what)


def evaluate(parser: argparse.ArgumentParser) -> None:
    _model(parser, required=True)
    parser.add_argument("--data", type=_path, required=True, metavar="DIR", help="folder with split.json and cases")
    parser.add_argument("--split", default="valid", help="default: valid")
    parser.add_argument(
        "--output", type=_path, required=True, metavar="DIR", help="folder for evaluation.csv, .json and images"
    )
    _device(parser)
    _enhancement(parser)
    _mirroring(parser)
    parser.add_argument(
        "--robustness",
        action="store_true",
        help="also evaluate on degraded images (noise, blur, low contrast); takes 10 times as long",
    )
    parser.add_argument("--overwrite", action="store_true", help="overwrite an existing evaluation")
    _json(parser)


def calibrate(parser: argparse.ArgumentParser) -> None:
    _model(parser, required=True)
    parser.add_argument("--data", type=_path, required=True, metavar="DIR", help="folder with split.json and cases")
    parser.add_argument("--split", default="valid", help="default: valid")
    parser.add_argument("--output", type=_path, required=True, metavar="DIR", help="folder for tables and image")
    _device(parser)
    parser.add_argument("--overwrite", action="store_true", help="overwrite an existing calibration")
    _json(parser)


def ablation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=_path, required=True, metavar="FILE", help="training file (TOML)")
    parser.add_argument("--data", type=_path, metavar="DIR", help="data folder; default: from the training file")
    parser.add_argument(
        "--output",
        type=_path,
        required=True,
        metavar="DIR",
        help="folder for runs and table; an interrupted run resumes",
    )
    parser.add_argument(
        "--arms", nargs="+", metavar="ARM",
        help="arms to run: a to f (parts of the network), or METHOD-NETWORK of log, fuzzy, clahe, denoised and "
        "channels, drawn, standardized; default: from the training file, or a to f",
    )  # fmt: skip
    parser.add_argument("--seeds", nargs="+", type=int, default=[1], help="default: 1")
    parser.add_argument("--minutes", type=float, help="planned time of an arm; default: from the training file")
    _device(parser)


def bench(parser: argparse.ArgumentParser) -> None:
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--rivals", type=_path, metavar="PYTHON",
        help="compare with nnU-Net v2 and MONAI networks, installed in this Python environment (make "
        "bench-env creates one)",
    )  # fmt: skip
    kind.add_argument(
        "--batch", action="store_true", help="measure many small volumes with one process, two processes and Dask"
    )
    kind.add_argument(
        "--report",
        action="store_true",
        help="measure a cine of 25 frames from DICOM files to labels, function values and PDF, part by part",
    )
    kind.add_argument(
        "--scaling", action="store_true", help="measure volumes of 2 to 64 slices with 128 to 768 pixels per side"
    )
    kind.add_argument("--search", action="store_true", help="measure finding the cases among many DICOM files")
    parser.add_argument("--cases", type=int, default=500, help="volumes of --batch; default: 500")
    parser.add_argument("--files", type=int, default=20_000, help="files of --search; default: 20000")
    _json(parser)


def doctor(parser: argparse.ArgumentParser) -> None:
    _json(parser)


def _inputs(parser: argparse.ArgumentParser, count: str) -> None:
    """Add options for commands that search folders, archives and tables."""
    parser.add_argument(
        "inputs", nargs=count, type=_path, metavar="INPUT",
        help="volume file, folder of volume files or DICOM series, archive of them (.zip, .tar.gz), DICOMDIR, or table "
        "(CSV: path, case, model, ...)",
    )  # fmt: skip
    parser.add_argument(
        "--pattern", metavar="GLOB", help="in folders, use only files that match, for example '*.nii.gz'"
    )
    parser.add_argument("--no-recursive", action="store_false", dest="recursive", help="do not search subfolders")


def _model(parser: argparse._ActionsContainer, help_suffix: str = "", **rules: Any) -> None:
    parser.add_argument(
        "--model", metavar="ID", help="model ID (see dinsegment models) or model folder" + help_suffix, **rules
    )


def _device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps; default: auto")


class _PartOfEnhancement(argparse.Action):
    """Collects the enhancement options in ``options.enhancement``, an `EnhancementChoice`."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, value: Any, option: str | None = None
    ) -> None:
        try:
            namespace.enhancement = replace(namespace.enhancement, **{self.dest: value})
        except InputError as error:
            raise argparse.ArgumentError(self, str(error).rstrip(".")) from error


def _enhancement(parser: argparse.ArgumentParser) -> None:
    low, high = STRENGTH_RANGE
    parser.set_defaults(enhancement=EnhancementChoice())
    add = partial(parser.add_argument, action=_PartOfEnhancement, default=argparse.SUPPRESS)
    add("--enhancement", dest="method", choices=METHODS, help="enhancement method; default: set by the model")
    add("--strength", type=float, help=f"enhancement strength, {low:g} to {high:g}; default: set by the model")


def _mirroring(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mirroring",
        action=argparse.BooleanOptionalAction,
        help="average predictions over the slice and its mirror image (test-time augmentation); "
        "doubles the time; default: set by the model",
    )


def _choice_within_input(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--series", help="DICOM series to use if the folder contains several: number, description or UID"
    )
    parser.add_argument("--frame", type=int, help="frame of a 4-D volume to use, starting at 1")
    _reading(parser)


def _reading(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--slices", choices=("i", "j", "k"),
        help="axis of the file along which slices lie; default: DICOM slices as acquired, in other files the axis with "
        "the largest voxels, or k where the voxels are nearly isotropic",
    )  # fmt: skip
    parser.add_argument(
        "--resample",
        action="store_true",
        help="bring DICOM slices with gaps, a tilt or a shift to a regular grid; default: reject them",
    )


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
