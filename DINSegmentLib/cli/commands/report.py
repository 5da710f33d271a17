"""`dinsegment report`: update the report of a result from its edited label map."""

from argparse import Namespace
from datetime import datetime

from ...console import Console
from ...errors import InputError
from ...measure import Insertion
from ...model import find_model


def report(options: Namespace, console: Console) -> int:
    """Return 0."""
    from ...batch.format_table import FORMATS
    from ...batch.record import Record
    from ...batch.reports import page
    from ...batch.revision import revise
    from ...inputs import archives
    from ...inputs.names import safe
    from ...io import outputs
    from ...io.study import study_of
    from ...report.heart import Reviewer
    from ...report.write import PAGE, PDF

    if (options.anterior is None) != (options.inferior is None):
        raise InputError("Only one insertion of the right ventricle: use both --anterior and --inferior, or neither.")
    if options.comment and not options.reviewer:
        raise InputError("A comment needs an author: add --reviewer.")
    insertion = Insertion(tuple(options.anterior), tuple(options.inferior)) if options.anterior else None
    record = Record.read(options.record)
    if safe(record.case) != record.case:
        raise InputError(f"{options.record} is not a record of a run (unusable case): name a NAME.json.")
    model = find_model(options.model or record.model.id)
    folder = options.record.parent
    labels = options.labels or folder / f"{record.case}.nii.gz"
    if not labels.is_file():
        raise InputError(f"{labels} is missing: add --labels, or segment with --format nii.gz.")
    ends = {"html": PAGE, "pdf": PDF}
    forms = list(dict.fromkeys(options.formats or ["html"]))
    for form in forms:
        FORMATS[form].check()
    paths = [(options.output or folder) / f"{record.case}{ends[form]}" for form in forms]
    outputs.check(options.record, paths, options.overwrite)
    place = archives.place_of_input(options.input, record.input.path)
    if place is None:
        raise InputError("The record is from an anonymous run and does not name its input: add --input.")
    with archives.opened(place) as path:
        revised = revise(record, labels, model, path, insertion)
        study = [] if record.input.path is None else study_of(revised.files)
    today = datetime.now().date().isoformat()
    reviewer = Reviewer(options.reviewer, today, options.comment) if options.reviewer else None
    about = revised.values, model, revised.shown, revised.geometry, study, reviewer
    with outputs.beside(paths, options.overwrite) as beside:
        for form, path in zip(forms, paths, strict=True):
            (beside / path.name).write_bytes(page(form, *about))
    console.event("report", f"Written: {', '.join(map(str, paths))}", report=[str(path) for path in paths])
    return 0
