"""Untrusted models: invalid manifests and weights are rejected quickly, in one sentence, before any computation."""

import copy
import hashlib
import io
import json
import time
import zipfile

import jsonschema
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from DINSegmentLib import resources
from DINSegmentLib.engine.segmenter import Segmenter, load_network
from DINSegmentLib.errors import ModelError
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.model import read_manifest

pytestmark = pytest.mark.faults


def at(path, value):
    """A change of a manifest: a value in place of what is at a path such as ``labels.0.name``."""

    def change(manifest):
        *above, last = [int(key) if key.isdecimal() else key for key in path.split(".")]
        inner = manifest
        for key in above:
            inner = inner[key]
        inner[last] = value

    change.__name__ = f"{path}={str(value)[:20]}"
    return change


ODD = [
    at("network.head_width", 0), at("network.reductions", [0, 4, 2, 1]), at("network.widths", []),
    at("network.widths", [8, 8, 16, 10**6]), at("network.depths", [10**9, 1, 1, 1]), at("network.depths", [1, 1, 1]),
    at("network.depths", "1111"), at("network.decoder_width", 10**9), at("network.ffn_ratio", 1e6),
    at("network.neighbours", 10**6), at("network.head_width", 2.5), at("network.layer_scale", "x"),
    at("labels.0.color", [1e999, 0, 0]), at("labels.0.color", [10**400, 0, 0]), at("labels.0.name", chr(0xD800)),
    at("labels.0.name", "\x1b[31mred"), at("labels.0.name", ""), at("labels.0.name", "x" * 300),
    at("labels.1.name", "Outer-PART"), at("id", "\x1b]0;x\x07"), at("spacing", 0.01), at("spacing", 1e300),
    at("spacing", 10**400), at("temperature", 1e-300), at("axes", {"slices": []}), at("labels", {}),
    at("weights.file", "\0"), at("expects", {"slices": [1]}),
]  # fmt: skip


@pytest.mark.parametrize("change", ODD, ids=lambda change: change.__name__)
def test_a_manifest_with_an_odd_value_is_refused_soon(change, write_model, tmp_path):
    folder = write_model(tmp_path / "model", "stack").folder
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    before = time.monotonic()
    with pytest.raises(ModelError) as caught:
        load_network(read_manifest(folder))
    assert time.monotonic() - before < 5 and "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def good(tiny_model):
    return json.loads((tiny_model / "manifest.json").read_text(encoding="utf-8"))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(
        ["spacing", "temperature", "labels", "axes", "intensity", "enhancement", "cleanup", "joined", "expects",
         "network.widths", "network.head_width", "weights.file", "labels.0.value", "labels.0.terminology"]
    ),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats(allow_nan=False) | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=2),
        max_leaves=4,
    ),
)  # fmt: skip
def test_whatever_stands_in_a_manifest_it_is_a_model_or_a_model_error(good, tmp_path_factory, path, value):
    manifest = copy.deepcopy(good)
    at(path, value)(manifest)
    folder = tmp_path_factory.getbasetemp() / "odd manifest"
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    try:
        read_manifest(folder)
    except ModelError:
        pass


@pytest.mark.parametrize(
    ("path", "last", "beyond"),
    [
        ("spacing", 20, 20.1), ("spacing", 0.05, 0.04), ("temperature", 100, 101), ("temperature", 0.01, 0.009),
        ("network.head_width", 1024, 1025), ("network.decoder_width", 2048, 2049), ("network.neighbours", 8, 9),
        ("network.ffn_ratio", 16, 17), ("network.layer_scale", 10, 11), ("network.depths", [64] * 4, [65, 1, 1, 1]),
        ("network.widths", [2048, 8, 8, 8], [2049, 8, 8, 8]), ("network.reductions", [8, 4, 2, 1], [16, 4, 2, 1]),
        ("labels.0.name", "x" * 60, "x" * 61),
    ],
)  # fmt: skip
def test_schema_and_code_have_the_same_limits(path, last, beyond, good, tmp_path):
    schema = json.loads((resources.root() / "Models" / "manifest.schema.json").read_text(encoding="utf-8"))
    for value, fits in ((last, True), (beyond, False)):
        manifest = copy.deepcopy(good)
        manifest.update(version="1.0.0")
        at(path, value)(manifest)
        faults = [one for one in jsonschema.Draft202012Validator(schema).iter_errors(manifest)]
        assert (faults == []) == fits, faults
        (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        try:
            read_manifest(tmp_path)
        except ModelError:
            assert not fits
        else:
            assert fits


@pytest.fixture
def with_weights(write_model, tmp_path):
    """A model whose weight file is as given, with the right checksum."""

    def make(change):
        folder = write_model(tmp_path / "model", "stack").folder
        content = change((folder / "weights.pt").read_bytes())
        (folder / "weights.pt").write_bytes(content)
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        manifest["weights"]["sha256"] = hashlib.sha256(content).hexdigest()
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        return read_manifest(folder)

    return make


def tensors(change):
    def changed(content):
        state = torch.load(io.BytesIO(content), weights_only=True)
        change(state)
        torch.save(state, buffer := io.BytesIO())
        return buffer.getvalue()

    return changed


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused_at_load(value, with_weights):
    model = with_weights(tensors(lambda state: state["decode.head.weight"].fill_(value)))
    with pytest.raises(ModelError, match=r"not finite numbers \(decode\.head\.weight\)"):
        Segmenter(model, "cpu")


def enormous(state):
    state["decode.head.bias"] = torch.zeros(1).half().expand(10**12)


def packed(content):
    """The same archive with every entry packed, and one that unpacks to a gigabyte."""
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer := io.BytesIO(), "w", 8) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        new.writestr("archive/data/more", bytes(1 << 28))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "change", [tensors(enormous), packed, lambda content: b"", lambda content: content[:-100], tensors(dict.clear)]
)
def test_weights_that_are_none_are_refused_before_they_take_memory(change, with_weights):
    model = with_weights(change)
    with pytest.raises(ModelError, match="do not fit the network"):
        load_network(model)


def test_weights_are_loaded_from_the_bytes_that_were_hashed(write_model, tmp_path, monkeypatch):
    model = write_model(tmp_path / "model", "stack")
    read = type(model).read_weights

    def and_then_replaced(self):
        content = read(self)
        self.weights_path.write_bytes(b"of somebody else")
        return content

    monkeypatch.setattr(type(model), "read_weights", and_then_replaced)
    load_network(model)


def test_a_network_that_overflows_is_reported_and_gives_no_labels(tiny_model, monkeypatch):
    segmenter = Segmenter(read_manifest(tiny_model), "cpu")
    scores = Segmenter.scores

    def overflow(self, *pair):
        found = scores(self, *pair)
        found[0, 1, 3, 3] = float("inf")
        return found

    monkeypatch.setattr(Segmenter, "scores", overflow)
    volume = np.random.default_rng(1).integers(0, 99, (3, 32, 32)).astype(np.int16)
    with pytest.raises(ModelError, match="produced NaN or infinite values on cpu"):
        segmenter.segment(volume, Geometry(volume.shape, np.diag([-1.5, -1.5, 8, 1])))
