"""A synthetic short-axis cine MR phantom with analytic truth, and the bundled sample made from it.

    from DINSegmentLib.phantom import CardiacPhantom
    phantom = CardiacPhantom(seed=0)
    image, label = phantom.frame(phase=0.36)     # (K, J, I), int16 and uint8: 1 RV, 2 Myo, 3 LV
    phantom.truth(0.36)                          # {"RV": 66.0, "Myo": 104.8, "LV": 58.0} ml

The bundled files are made again, voxel for voxel, by

    python -m DINSegmentLib.phantom --output Resources/SampleData
    python -m DINSegmentLib.phantom --output FOLDER --cine        # and the whole cycle, 25 frames, as 4-D NIfTI
    python -m DINSegmentLib.phantom --output FOLDER --late        # and late enhancement with a scar of known volume

``heart`` holds the analytic heart and its closed-form volumes, ``torso`` the body around it, ``signal`` the physics of
the picture, ``scan`` the phantom on its oblique grid, ``sample`` and ``study`` the files. Everything is drawn from one
seed; nothing is taken from a patient's picture. Not modeled: twist, respiration, flow jets, off-resonance bands,
pathology but for an infarct.

Changes
-------
The phantom was fixed on 2026-11-23 from physics and anatomy, before any prediction on it was seen. Later changes are
logged here, and each raises ``GENERATOR_VERSION``.

- Version 1: as fixed. A thin wall, and late enhancement with a scar, are drawn on request; the bundled files are the
  same.
"""

from .heart import ES_PHASE, Scar, ThinWall
from .sample import GENERATOR_VERSION, write_cine, write_late, write_sample
from .scan import LABELS, LATE_LABELS, CardiacPhantom

__all__ = [
    "ES_PHASE", "GENERATOR_VERSION", "LABELS", "LATE_LABELS", "CardiacPhantom", "Scar", "ThinWall", "write_cine",
    "write_late", "write_sample",
]  # fmt: skip
