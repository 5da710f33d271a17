"""Readers of small files return or reject; they never block, crash or exhaust memory."""

import gzip
import io
import json
import math
import os
import socket
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from DINSegmentLib import bounded
from DINSegmentLib.bounded import Unusable

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab", max_size=3), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(values)
def test_what_json_writes_is_read(value):
    assert bounded.parse_json(json.dumps(value)) == value


@given(st.text(st.sampled_from('[]{}",:0123456789.eE-+\\utrufalsnNIity \n\ud800')) | st.binary())
def test_any_text_is_a_finite_value_or_refused(text):
    try:
        value = bounded.parse_json(text)
    except Unusable:
        return
    json.dumps(value, allow_nan=False).encode()


@pytest.mark.parametrize("text", ["[" * 100_000, "[" * 51 + "]" * 51, '{"a":' * 60 + "1" + "}" * 60])
def test_deep_nesting_is_refused(text):
    with pytest.raises(Unusable, match="nested too deeply"):
        bounded.parse_json(text)


@pytest.mark.parametrize("text", ["NaN", "[-Infinity]", '{"a": 1e999}', "[1, [2, 1e400]]"])
def test_numbers_that_are_not_finite_are_refused(text):
    with pytest.raises(Unusable, match="number"):
        bounded.parse_json(text)


@pytest.mark.parametrize("text", ["1" * 5000, '"\\ud800"', '{"\\udfff": 1}', "", "{", b"\xff\xfe"])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(Unusable, match="is not JSON"):
        bounded.parse_json(text)


def pipe(path):
    os.mkfifo(path)


def listening(path):
    (listener := socket.socket(socket.AF_UNIX)).bind(os.path.relpath(path))
    listener.close()


@pytest.mark.parametrize(
    "make", [pipe, listening, lambda path: path.mkdir(), lambda path: path.symlink_to("/dev/zero")],
    ids=["pipe", "socket", "folder", "device"],
)  # fmt: skip
def test_what_is_no_regular_file_is_refused_at_once(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "odd")
    with pytest.raises(Unusable, match="not a regular file"):
        bounded.read_json(tmp_path / "odd")


def test_size_is_limited_and_text_is_utf_8(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"x" * 101)
    with pytest.raises(Unusable, match="larger than"):
        bounded.read_text(path, 100)
    assert len(bounded.read_text(path, 101)) == 101
    path.write_bytes(b"\xef\xbb\xbf\xc3\xa9")
    assert bounded.read_text(path) == "é"
    path.write_bytes(b"\xe9")
    with pytest.raises(Unusable, match="UTF-8"):
        bounded.read_text(path)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=4), st.integers(0, 9), st.integers(1, 500))
def test_a_packed_stream_comes_back_whole_or_is_refused(members, level, piece):
    packed, content = b"".join(gzip.compress(one, level) for one in members), b"".join(members)
    assert b"".join(bounded.inflate(io.BytesIO(packed), len(content), piece=piece)) == content
    assert b"".join(bounded.inflate(io.BytesIO(packed + bytes(9)), len(content), piece=piece)) == content
    with pytest.raises(Unusable, match="too early"):
        list(bounded.inflate(io.BytesIO(packed[:-1]), len(content), piece=piece))
    if content:
        with pytest.raises(Unusable, match="more than"):
            list(bounded.inflate(io.BytesIO(packed), len(content) - 1, piece=piece))


def test_a_stream_that_unpacks_without_end_is_left_soon():
    packed = zlib.compress(bytes(200 << 20), 9)
    pieces = []
    with pytest.raises(Unusable, match="more than"):
        for piece in bounded.inflate(io.BytesIO(packed), 1000):
            pieces.append(len(piece))
    assert sum(pieces) <= 1000 and math.isfinite(len(packed))
