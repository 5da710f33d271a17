"""`dinsegment calibrate`: calibrate a model's confidence."""

import json
from argparse import Namespace
from dataclasses import asdict, replace
from datetime import UTC, datetime

from ...batch.versions import versions
from ...console import Console
from ...engine.parameters import Parameters
from ...io import outputs
from ...model import find_model

_FILES = ("calibration.json", "reliability.csv", "slices.csv", "structures.csv", "calibration.png")


def calibrate(options: Namespace, console: Console) -> int:
    """Return 0. The manifest is not changed: the temperature is printed for the user to enter."""
    from ...engine.segmenter import Segmenter
    from ...measure.confidence import calibration_error, reliability
    from ...training import calibration, cases

    model = find_model(options.model)
    files = cases.case_files(options.data, options.split)
    paths = [options.output / name for name in _FILES]
    outputs.check(options.data, paths, options.overwrite)
    parameters = Parameters()
    segmenter = Segmenter(model, options.device)
    found = []
    for done, path in enumerate(files, start=1):
        found.append(calibration.sample(segmenter, cases.read_case(path), parameters))
        console.event("sampled", f"temperature: {done} of {len(files)} cases", done=done)
    scores, truth = calibration.join(found)
    temperature = round(calibration.fit_temperature(scores, truth), 3)
    before, after = (reliability(*calibration.winners(scores, truth, one)) for one in (1.0, temperature))

    segmenter.model = replace(model, temperature=temperature)
    slices, structures = [], []
    for done, path in enumerate(files, start=1):
        case = cases.read_case(path)
        result = segmenter.segment(case.image, case.geometry, parameters)
        slices += calibration.slice_errors(case, result)
        structures += calibration.structure_scores(case, result)
        console.event("case", f"slices: {done} of {len(files)}: {case.name}", done=done, case=case.name)
    shares = {f"{share:g}": calibration.held(slices, share) for share in calibration.SHARES}
    text = "\n".join([
        f"temperature {temperature:g} (calibration error {calibration_error(before):.5f} before, "
        f"{calibration_error(after):.5f} after, {len(truth)} voxels)",
        *(f"the {float(share):.0%} of {len(slices)} slices ranked worst contain {by_score:.0%} of the wrong voxels "
          f"(perfect ranking: {by_errors:.0%})" for share, (by_score, by_errors) in shares.items()),
    ])  # fmt: skip
    summary = {
        "model": model.id, "version": model.version, "weights_sha256": model.sha256, "temperature": temperature,
        "data": options.data.resolve().name, "split": options.split, "cases": len(files), "slices": len(slices),
        "voxels": len(truth), "calibration_error": [calibration_error(before), calibration_error(after)],
        "errors_held": shares, "parameters": asdict(parameters.resolved(model)), "device": segmenter.device.name,
        "precision": segmenter.device.precision,
        "versions": versions(), "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    with outputs.beside(paths, options.overwrite) as folder:
        contents = {
            "calibration.json": json.dumps(summary, indent=2, allow_nan=False).encode() + b"\n",
            "reliability.csv": calibration.reliability_csv(before, after).encode(),
            "slices.csv": calibration.slices_csv(slices).encode(),
            "structures.csv": calibration.structures_csv(structures).encode(),
            "calibration.png": calibration.picture(before, after, slices, temperature),
        }
        for name, content in contents.items():
            (folder / name).write_bytes(content)
    console.event("done", f"{text}\nwritten to {options.output}", output=str(options.output), **summary)
    return 0
