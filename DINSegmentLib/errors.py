"""Errors shown to the user. Each message is a sentence with the cause, the input and the next step."""


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
    """Even the smallest unit of work does not fit into the device's memory."""


class TorchMissing(DeviceError):
    """PyTorch is not installed, or cannot be imported."""


class OutputError(DINSegmentError):
    """A result cannot be written."""


class ArchiveError(DINSegmentError):
    """A DICOM archive refuses the request, cannot be trusted or does not respond."""


class ArchiveDenied(ArchiveError):
    """A DICOM archive rejects the credentials, or cannot be trusted; a later attempt fails, too."""


class Cancelled(DINSegmentError):
    """The user stopped the work; nothing was changed."""
