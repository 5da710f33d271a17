"""The errors that a person may see: one sentence with the cause, the input and the next step."""


class DINSegmentError(Exception):
    """Base of every error whose text is written for the user."""


class InputError(DINSegmentError):
    """A volume, file or argument cannot be used."""


class GeometryError(InputError):
    """Spacing, direction or shape of a volume cannot be used."""


class ModelError(DINSegmentError):
    """A model folder, manifest or weight file cannot be used."""


class DeviceError(DINSegmentError):
    """The requested computing device is missing or has failed."""


class OutOfMemory(DeviceError):
    """Not even the smallest step fits into the device's memory."""


class TorchMissing(DeviceError):
    """PyTorch is not installed, or cannot be imported."""


class OutputError(DINSegmentError):
    """A result cannot be written."""


class ArchiveError(DINSegmentError):
    """A DICOM archive refuses, cannot be trusted or does not answer."""


class Cancelled(DINSegmentError):
    """The user asked to stop; nothing was changed."""
