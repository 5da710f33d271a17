"""Python interface of DINSegment: read a volume, segment it, use the labels and notices.

>>> import DINSegmentLib as din
>>> heart = din.read_volume(din.sample("cardiac_phantom_ED.nrrd"))
>>> heart.array.shape
(9, 256, 208)
>>> segmenter = din.Segmenter("cardiac-mr", device="cpu")
>>> result = segmenter.segment(heart, din.Enhancement("log", 1.0))
>>> result.labels.shape == heart.array.shape
True
>>> [label.name for label in result.model.labels]
['Right ventricle', 'Myocardium', 'Left ventricle']
"""

from pathlib import Path

from . import resources
from .engine.parameters import Parameters
from .engine.results import Result
from .engine.segmenter import Segmenter as Engine
from .io import Image, read
from .model import Enhancement, EnhancementChoice, Model, find_model


def read_volume(path: str | Path, series: str | None = None, frame: int | None = None) -> Image:
    """Read a volume file or a DICOM folder.

    Args:
        path: path of the file or folder.
        series: number, description or UID of a DICOM series, if the folder holds several.
        frame: frame of a 4-D file or cine, counted from 1.

    Returns:
        the image: ``array`` (K, J, I) of the stored type, and ``geometry``.

    Raises:
        InputError, GeometryError: the input cannot be used; the text says why.

    >>> read_volume(sample("cardiac_phantom_ES.nrrd")).name
    'cardiac_phantom_ES'
    """
    return read(Path(path), series, frame)


def sample(name: str) -> Path:
    """Return the path of a bundled sample.

    >>> sample("cardiac_phantom_ED.nrrd").is_file()
    True
    """
    return resources.root() / "SampleData" / name


class Segmenter:
    """A model, loaded once, for any number of volumes.

    Args:
        model: id or folder of a model, or a `Model`.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises:
        ModelError: the model is not found, or its weights cannot be used.
        DeviceError: the requested device is not available.

    >>> Segmenter("cardiac-mr", device="cpu").model.id
    'cardiac-mr'
    """

    def __init__(self, model: str | Model = "cardiac-mr", device: str = "auto") -> None:
        self.model = model if isinstance(model, Model) else find_model(model)
        self._engine = Engine(self.model, device)

    def segment(self, volume: Image, enhancement: Enhancement | None = None) -> Result:
        """Segment a volume.

        Args:
            volume: from `read_volume`, or built by the caller.
            enhancement: how the second image is made; None uses the model's default.

        Returns:
            ``labels`` uint8 (K, J, I) on the volume's grid, and ``notices`` of the run.

        Raises:
            InputError, GeometryError, ModelError, OutOfMemory: the volume cannot be segmented; the text says why.
        """
        parameters = Parameters(enhancement=enhancement or EnhancementChoice())
        return self._engine.segment(volume.array, volume.geometry, parameters, name=volume.name)
