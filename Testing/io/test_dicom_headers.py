"""DICOM headers: the attributes that are used, with the values that pydicom gives."""

from io import BytesIO

import phantom_files as phantom
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
)

from DINSegmentLib.io.dicom import header

TAGS = {
    "PatientName": "A^B", "PatientBirthDate": "", "HeartRate": "61", "EchoTime": "1.5", "PatientWeight": "75.5",
    "AcquisitionTime": "101010.12", "PixelPaddingRangeLimit": 0, "RescaleSlope": "0.5", "RescaleIntercept": "-10",
    "TriggerTime": "12.5", "InstanceNumber": 3, "SliceThickness": "", "WindowCenter": ["40", "50"],
}  # fmt: skip


@pytest.fixture
def write(tmp_path):
    """A slice as the bytes of a file; the weight with a comma, which pydicom does not write."""

    def write(syntax: str = ExplicitVRLittleEndian, preamble: bool = True, meta: bool = True, **tags: object) -> bytes:
        path = phantom.write(tmp_path / "a.dcm", phantom.ED[0], phantom.place(0), "1.2.9", **{**TAGS, **tags})
        data, file = pydicom.dcmread(path), BytesIO()
        if not meta:
            del data.file_meta
            data.preamble = None
            implicit, little = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
            pydicom.dcmwrite(file, data, implicit_vr=implicit, little_endian=little, force_encoding=True)
            return file.getvalue().replace(b"75.5", b"75,5")
        if syntax == JPEGLosslessSV1:
            data.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xd9"])
            data["PixelData"].is_undefined_length = True
        data.file_meta.TransferSyntaxUID = syntax
        pydicom.dcmwrite(file, data, enforce_file_format=True)
        content = file.getvalue().replace(b"75.5", b"75,5")
        return content if preamble else content[132:]

    return write


def nested(undefined_length: bool) -> Sequence:
    """A sequence in a sequence, which hold attributes that the file has for itself, too."""
    inner, outer = Dataset(), Dataset()
    inner.SeriesDescription, inner.Rows = "inner", 7
    outer.RequestAttributesSequence = Sequence([inner])
    outer.ImagePositionPatient, outer.PatientName = [9, 9, 9], "Outer"
    for data, name in ((outer, "RequestAttributesSequence"), (inner, "")):
        data.is_undefined_length_sequence_item = undefined_length
        if name:
            data[name].is_undefined_length = undefined_length
    return Sequence([outer])


def check(content: bytes) -> header.Header:
    """Every attribute is as pydicom reads it, in value and type."""
    found = header.HeaderReader().read(BytesIO(content))
    theirs = pydicom.dcmread(BytesIO(content), force=True, stop_before_pixels=True)
    for name in header._ATTRIBUTES:
        assert (name in found) == (name in theirs), name
        if name in found and name not in ("PixelPaddingValue", "PixelPaddingRangeLimit"):  # see `pixels`
            assert found.get(name) == theirs.get(name) and type(found.get(name)) is type(theirs.get(name)), name
    assert found.get("MediaStorageSOPClassUID") == theirs.file_meta.get("MediaStorageSOPClassUID")
    assert found.SOPInstanceUID == theirs.SOPInstanceUID and found.Rows == 256
    return found


@pytest.mark.parametrize(
    "syntax",
    [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian,
     JPEGLosslessSV1],
    ids=lambda one: one.name,
)  # fmt: skip
@pytest.mark.parametrize("preamble", [True, False], ids=["", "no preamble"])
def test_a_header_has_the_values_that_pydicom_gives(write, syntax, preamble):
    check(write(syntax, preamble))


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian], ids=lambda one: one.name
)
def test_a_header_without_meta_header_has_the_values_that_pydicom_gives(write, syntax):
    check(write(syntax, meta=False))


@pytest.mark.parametrize("undefined_length", [True, False])
def test_what_stands_in_a_sequence_is_not_taken_for_the_files_own(write, undefined_length):
    found = check(write(ReferencedImageSequence=nested(undefined_length)))
    assert (found.Rows, found.SeriesDescription, str(found.PatientName)) == (256, "sax", "A^B")


@pytest.mark.parametrize(
    ("charset", "name"), [("ISO_IR 192", "Müller^Jürgen"), ("ISO_IR 100", "Åsa^Öst"), ("ISO_IR 144", "Люкceмбypг")]
)
def test_a_name_is_read_in_the_letters_of_its_file(write, charset, name):
    content = write(SpecificCharacterSet=charset, PatientName=name)
    reader = header.HeaderReader()
    reader.read(BytesIO(content.replace(charset.encode(), b"ISO_IR 101")))  # the same bytes in other letters
    assert str(reader.read(BytesIO(content)).PatientName) == name


def test_attributes_out_of_order_are_found(write):
    content = write()
    at = content.index(b"\x10\0\x20\0LO")  # the patient's ID, moved behind what comes before the pixels
    length = 8 + int.from_bytes(content[at + 6 : at + 8], "little")
    moved, rest = content[at : at + length], content[:at] + content[at + length :]
    pixels = rest.index(b"\xe0\x7f\x10\0")
    assert check(rest[:pixels] + moved + rest[pixels:]).PatientID == "P"


def test_equal_values_of_two_files_are_one_object(write):
    reader = header.HeaderReader()
    first, second = (reader.read(BytesIO(write(InstanceNumber=number))) for number in (1, 2))
    assert first.ImagePositionPatient is second.ImagePositionPatient
    assert (first.InstanceNumber, second.InstanceNumber) == (1, 2)


def test_another_value_for_one_image_leaves_the_others(write):
    found = header.HeaderReader().read(BytesIO(write()))
    other = found.but(EchoTime="3", NumberOfFrames=None, HeartRate=None)
    assert (other.EchoTime, found.EchoTime) == ("3", 1.5) and "HeartRate" not in other and "HeartRate" in found
    with pytest.raises(AttributeError):
        other.HeartRate  # noqa: B018
