"""A synthetic short-axis cine MR phantom with analytic ground truth, and the bundled sample made from it.

    from DINSegmentLib.phantom import CardiacPhantom
    phantom = CardiacPhantom(seed=0)
    image, label = phantom.frame(phase=0.36)     # (K, J, I), int16 and uint8: 1 RV, 2 Myo, 3 LV
    phantom.truth(0.36)                          # {"RV": 66.0, "Myo": 104.8, "LV": 58.0} ml

These commands reproduce the bundled files voxel for voxel, and make other files:

    python -m DINSegmentLib.phantom --output Resources/SampleData
    python -m DINSegmentLib.phantom --output FOLDER --cine        # also the whole cycle, 25 frames, as 4-D NIfTI
    python -m DINSegmentLib.phantom --output FOLDER --late        # also late enhancement with a scar of known volume

``heart`` has the analytic heart and its closed-form volumes, ``torso`` the body around it, ``signal`` the physics of
imaging, ``scan`` the phantom on its oblique grid, ``sample`` and ``study`` the files. Everything is generated from one
seed, without patient images. Not modeled: twist, respiration, flow jets, off-resonance bands,
pathology except infarction.

Changes
-------
The phantom was defined on 2026-11-23 from physics and anatomy, before any prediction on it was made. Later changes
are listed here, and each increases ``GENERATOR_VERSION``.

- Version 1: as defined. A thin wall, and late enhancement with a scar, are optional; the bundled files are
  unchanged.
"""

from .heart import ES_PHASE, Scar, ThinWall
from .sample import GENERATOR_VERSION, write_cine, write_late, write_sample
from .scan import LABELS, LATE_LABELS, CardiacPhantom

__all__ = [
    "ES_PHASE", "GENERATOR_VERSION", "LABELS", "LATE_LABELS", "CardiacPhantom", "Scar", "ThinWall", "write_cine",
    "write_late", "write_sample",
]  # fmt: skip
