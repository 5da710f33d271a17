"""Headers and streams made to hang, exhaust memory or hide a change are rejected quickly and hashed completely."""

import gzip
import struct
import time
import zlib
from io import BytesIO

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomFileLike
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian, generate_uid

from DINSegmentLib import io
from DINSegmentLib.errors import InputError
from DINSegmentLib.io import metaimage, nifti, nrrd
from DINSegmentLib.io.dicom import files as dicom_files
from DINSegmentLib.io.header import parts_by_pattern

pytestmark = pytest.mark.faults

SECONDS = 5  # each takes milliseconds; without the guard it takes minutes to hours


@pytest.fixture(autouse=True)
def soon():
    before = time.monotonic()
    yield
    assert time.monotonic() - before < SECONDS


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 1e30])
def test_a_nifti_offset_that_is_no_place_in_the_file_is_refused(value, write):
    path = write("v.nii")
    content = bytearray(path.read_bytes())
    content[108:112] = struct.pack("<f", value)
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a valid"):
        io.read(path)


BLANKS = " " * 900_000
NRRD = "NRRD0004\ntype: short\ndimension: 3\nencoding: raw\n"
METAIMAGE = "NDims = 3\nElementType = MET_SHORT\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("blanks.nrrd", f"{NRRD}sizes: 4 4 4\nx: a{BLANKS}y\n\n"),
        ("brackets.nrrd", f"{NRRD}sizes: 4 4 4\nspace directions: {'(' * 900_000}\n\n"),
        ("quotes.nrrd", f"{NRRD}sizes: 4 4 4\nunits: {chr(34) * 900_001}\n\n"),
        ("axes.nrrd", f"{NRRD}sizes: {'9999999999 ' * 80_000}\n\n"),
        ("digits.nrrd", f"{NRRD}sizes: {'9' * 900_000} 4 4\n\n"),
        ("parts.nhdr", f"{NRRD}sizes: 4 4 4\ndata file: s%d.raw 0 1000000000 1\n\n"),
        ("blanks.mhd", f"{METAIMAGE}DimSize = 4 4 4\nx = a{BLANKS[:60_000]}y\nElementDataFile = LOCAL\n"),
        ("axes.mhd", f"{METAIMAGE}DimSize = {'9 ' * 30_000}\nElementDataFile = LOCAL\n"),
        ("parts.mhd", f"{METAIMAGE}DimSize = 4 4 4\nElementDataFile = s%d.raw 0 1000000000 1\n"),
    ],
    ids=lambda value: value if len(value) < 20 else "",
)
def test_a_text_header_made_to_hang_is_refused(name, text, tmp_path):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError):
        io.read(tmp_path / name)


def bomb(start, count=1500):
    """A gzip stream of some bytes and then 16 MB of zeros so many times; all of it takes some 20 MB."""
    zeros = bytes(1 << 24)
    packer = zlib.compressobj(9, 8, 31)
    head = packer.compress(start) + packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
    packer = zlib.compressobj(9, 8, -15)
    return head + (packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)) * count


def test_a_stream_that_goes_on_after_its_voxels_is_left(write, tmp_path):
    (tmp_path / "bad.nii.gz").write_bytes(bomb(write("v.nii").read_bytes()))
    with pytest.raises(InputError, match="unpacks to more than its header says"):
        io.read(tmp_path / "bad.nii.gz")


def test_a_stream_whose_name_does_not_end_is_left(tmp_path):
    (tmp_path / "v.nii.gz").write_bytes(b"\x1f\x8b\x08\x08" + bytes(6) + b"a" * 50_000_000)
    with pytest.raises(InputError, match="not a valid"):
        io.read(tmp_path / "v.nii.gz")


@pytest.fixture
def deflate(write_series):
    """The series with every file packed as a whole, and more behind the pixels of the first."""

    def make(more=b""):
        folder = write_series("deflated")
        for number, path in enumerate(sorted(folder.iterdir())):
            data = pydicom.dcmread(path)
            data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
            if number == 0 and more:
                data.add_new(0x7FE10010, "LO", "own")
                data.add_new(0x7FE11010, "UN", more)
            data.save_as(path)
        return folder

    return make


def test_a_deflated_series_is_read_as_a_plain_one(deflate, write_series):
    assert np.array_equal(io.read(deflate()).array, io.read(write_series("plain")).array)


def test_a_deflated_file_that_unpacks_to_more_than_its_image_is_damaged(deflate):
    scan = dicom_files.scan(sorted(deflate(bytes(20 << 20)).iterdir()))
    assert len(scan.damaged) == 1 and len(scan.slices) == 5


def test_a_deflated_file_without_end_is_damaged(tmp_path):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    meta.ImplementationClassUID = "1.2.3"
    meta.FileMetaInformationVersion = b"\0\1"
    (buffer := BytesIO()).write(bytes(128) + b"DICM")
    file = DicomFileLike(buffer)
    file.is_little_endian, file.is_implicit_VR = True, False
    write_file_meta_info(file, meta)
    element = b"\x09\0\x01\x10UN\0\0" + struct.pack("<I", 0xFFFFFFF0)
    packed = bomb(element, 380)[10:]  # without gzip's own header
    (tmp_path / "a.dcm").write_bytes(buffer.getvalue() + packed)
    assert dicom_files.scan([tmp_path / "a.dcm"]).damaged == [(tmp_path / "a.dcm", None)]


@pytest.fixture
def in_parts(tmp_path):
    """A volume with a file for each slice, by a list or a pattern; gives the header."""

    def make(kind):
        for k in range(4):
            np.full((8, 6), k, "<i2").tofile(tmp_path / f"s{k:02d}.raw")
        names = "".join(f"s{k:02d}.raw\n" for k in range(4))
        mhd = "ObjectType = Image\nNDims = 3\nDimSize = 6 8 4\nElementSpacing = 2 2 8\nElementType = MET_SHORT\n"
        nhdr = "NRRD0004\ntype: short\ndimension: 3\nsizes: 6 8 4\nspacings: 2 2 8\nencoding: raw\nendian: little\n"
        texts = {
            "list.mhd": f"{mhd}ElementDataFile = LIST\n{names}",
            "pattern.mhd": f"{mhd}ElementDataFile = s%02d.raw 0 3 1\n",
            "list.nhdr": f"{nhdr}data file: LIST\n{names}",
            "pattern.nhdr": f"{nhdr}data file: s%02d.raw 0 3 1\n",
        }
        (tmp_path / kind).write_text(texts[kind], encoding="utf-8")
        return tmp_path / kind

    return make


@pytest.mark.parametrize("kind", ["list.mhd", "pattern.mhd", "list.nhdr", "pattern.nhdr"])
def test_every_data_file_behind_a_header_counts(kind, in_parts):
    path = in_parts(kind)
    parts = [path.parent / f"s0{k}.raw" for k in range(4)]
    assert io.files_of(path) == io.read(path).files == (path, *parts)
    assert io.read(path).array[:, 0, 0].tolist() == [0, 1, 2, 3]
    parts[2].unlink()
    with pytest.raises(InputError, match=r"s02\.raw"):
        io.read(path)


@pytest.mark.parametrize("kind", ["list.mhd", "pattern.mhd", "list.nhdr", "pattern.nhdr"])
def test_voxels_that_no_data_file_holds_are_not_made_up(kind, in_parts):
    """ITK leaves in them what its memory held, such as the slice of another image."""
    path = in_parts(kind)
    whole = path.read_text(encoding="utf-8")
    short = whole.replace("s03.raw\n", "").replace(" 0 3 1", " 0 2 1")
    assert short != whole
    for broken in (short, whole):  # a slice without its file, then a file without its last voxels
        path.write_text(broken, encoding="utf-8")
        if broken == whole:
            (path.parent / "s02.raw").write_bytes(bytes(90))
        with pytest.raises(InputError, match="truncated"):
            io.read(path)


@pytest.mark.parametrize(
    "text", ["s%n.raw 0 3 1", "s%d%d.raw 0 3 1", "s%99999d.raw 0 3 1", "s%s 0 3 1", "s%d.raw 0 3 0", "s%d.raw x 3"]
)
def test_a_pattern_of_data_files_has_one_plain_number(text, tmp_path):
    with pytest.raises(ValueError):
        parts_by_pattern(tmp_path, text.split())


def test_a_pattern_counts_as_metaimage_and_nrrd_say(tmp_path):
    def names(text):
        return [path.name for path in parts_by_pattern(tmp_path, text.split())]

    assert names("s%d.raw 8 10 1") == ["s8.raw", "s9.raw", "s10.raw"]
    assert names("s%03d 1 6 3") == ["s001", "s004"]
    assert names("%d 3 1 -1") == ["3", "2", "1"]


def test_good_text_headers_are_read_as_before(write):
    for name, reader in (("v.nrrd", nrrd), ("v.mha", metaimage), ("v.nii.gz", nifti)):
        header = reader.read_header(write(name))
        assert header.shape == (36, 40, 6), name
    path = write("padded.nii.gz")
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + bytes(1000)))
    assert io.read(path).array.shape == (6, 40, 36)


@pytest.mark.parametrize("value", ["1e300", "nan"])
@pytest.mark.parametrize("which", ["one", "all"])
def test_a_series_at_no_place_is_refused(value, which, write_series):
    folder = write_series("series")
    for number, path in enumerate(sorted(folder.iterdir())):
        if which == "all" or number == 2:
            data = pydicom.dcmread(path)
            with pydicom.config.disable_value_validation():
                data.ImagePositionPatient = [value, *data.ImagePositionPatient[1:]]
                data.save_as(path)
    with pytest.raises(InputError):
        io.read(folder)
