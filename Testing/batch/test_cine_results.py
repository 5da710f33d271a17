"""Labels and measurements of a cine, and their notices."""

import numpy as np

from DINSegmentLib.batch.cine_results import segment_beat
from DINSegmentLib.engine import cine as engine
from DINSegmentLib.engine.parameters import Parameters
from DINSegmentLib.engine.results import CineResult, Device
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.io import Cine, Person
from DINSegmentLib.io.image import Image
from DINSegmentLib.model import find_model
from DINSegmentLib.notices import Notice


def test_slices_that_the_clean_up_emptied_are_among_the_warnings_of_the_function(monkeypatch, tmp_path):
    frames = np.zeros((2, 3, 4, 5), np.int16)
    first = Image(frames[0], Geometry(frames.shape[1:], np.diag([-1.5, -1.5, 8.0, 1.0])), "beat", (tmp_path / "beat",))
    model = find_model("cardiac-mr")
    labels, emptied = np.zeros(frames.shape, np.uint8), Notice("base", "Slice 1 was emptied in frame 2.")

    def segment_cine(segmenter, *asked, **more):
        return CineResult(
            labels=labels, model=model, parameters=Parameters().resolved(model), device=Device("", "", ""),
            notices=(emptied,),
        )  # fmt: skip

    monkeypatch.setattr(engine, "segment_cine", segment_cine)
    beat = segment_beat(Cine(frames, first, None, (first.files,) * 2), None, Parameters(), "beat", Person())
    assert beat.result.notices == (emptied,) and beat.function.notices
