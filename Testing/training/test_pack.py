"""Packing of a run into a model folder: what is kept, what is rejected, always completely or not at all."""

import errno
import json
from pathlib import Path

import pytest
import torch

from DINSegmentLib.engine.segmenter import load_network
from DINSegmentLib.errors import InputError, ModelError, OutputError
from DINSegmentLib.model import read_manifest
from DINSegmentLib.model.config import NetworkConfig
from DINSegmentLib.network import DIN
from DINSegmentLib.training.pack import Changes, pack, update

NETWORK = {
    "classes": 4, "widths": [8, 8, 16, 64], "depths": [1, 1, 1, 1], "layer_scale": 0.5, "head_width": 8,
    "reductions": [8, 4, 2, 1], "ffn_ratio": 1.0, "decoder_width": 8, "stem": "convolution",
}  # fmt: skip


@pytest.fixture
def run(write_model, tmp_path):
    """A run folder as a training leaves it: best weights with a variance that fp16 cannot hold."""
    folder = write_model(tmp_path / "run", "stack", network=NETWORK).folder
    (folder / "weights.pt").unlink()
    state = DIN(NetworkConfig.from_dict(NETWORK)).state_dict()
    state[variance(state)][0] = 1e6
    torch.save(state, folder / "best.pt")
    (folder / "curve.csv").write_text(
        "minutes,step,loss,dice,Outer part,Wall,Inner part\n"
        "1,10,0.9,0.5,0.4,0.5,0.6\n2,20,0.8,0.7,0.61,0.7,0.79\n3,30,0.7,0.6,0.6,0.6,0.6\n",
        encoding="utf-8",
    )
    settings = {"model": "tiny-stack", "network": NETWORK, "recipe": {"steps": 30}, "initial": None}
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "versions.json").write_text(
        json.dumps({"dinsegment": "0.1.0", "torch": "2", "device": "cpu"}), encoding="utf-8"
    )
    return folder


def variance(state):
    return next(name for name in state if name.endswith("running_var"))


def change_best(run, change):
    state = torch.load(run / "best.pt", weights_only=True)
    change(state)
    torch.save(state, run / "best.pt")


def test_a_run_becomes_a_whole_model_folder(run, tmp_path):
    weights = pack(run, tmp_path / "model")
    model = read_manifest(tmp_path / "model")
    model.verify()
    assert sorted(path.name for path in weights.parent.iterdir()) == [
        "LICENSE.txt", "MODEL_CARD.md", "manifest.json", "weights.pt",
    ]  # fmt: skip
    assert model.validation["dice"] == {"Outer part": 0.61, "Wall": 0.7, "Inner part": 0.79, "mean": 0.7}
    card = (weights.parent / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "Not a medical device" in card and "0.790" in card


def test_a_variance_beyond_fp16_stays_finite_and_the_weights_are_half(run, tmp_path):
    state = torch.load(pack(run, tmp_path / "model", bits=16), weights_only=True)
    assert state[variance(state)][0] == 1e6
    for name, value in state.items():
        whole = name.endswith(("running_mean", "running_var"))
        assert value.dtype in ((torch.float32,) if whole else (torch.float16, torch.int64)), name
        assert value.isfinite().all(), name


def test_eight_bits_take_less_space_than_sixteen_and_load_by_the_same_path(run, tmp_path):
    sizes = [pack(run, tmp_path / f"bits{bits}", bits=bits).stat().st_size for bits in (8, 16)]
    assert sizes[0] < 0.9 * sizes[1]
    before = torch.load(run / "best.pt", weights_only=True)
    after = load_network(read_manifest(tmp_path / "bits8")).state_dict()
    for name, value in after.items():
        largest = before[name].abs().max()
        assert (value - before[name]).abs().max() <= largest / 254 * 1.001, name  # half a step of 8 bits


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e6])
@pytest.mark.parametrize("form", ["new", "known"])
def test_weights_that_are_no_finite_fp16_numbers_are_refused(run, write_model, listing_of, value, form, tmp_path):
    change_best(run, lambda state: state["decode.head.weight"].fill_(value))
    known = write_model(tmp_path / "known", "stack", network=NETWORK).folder
    before = listing_of(tmp_path)
    with pytest.raises(ModelError, match="not finite numbers"):
        pack(run, tmp_path / "model") if form == "new" else update(run, known)
    assert listing_of(tmp_path) == before


def compact(manifest):
    return json.dumps(manifest, separators=(",", ":"))


def mentioned_twice(manifest):
    return json.dumps({**manifest, "training_data": manifest["weights"]["sha256"]})


def escaped(manifest):
    checksum = manifest["weights"]["sha256"]
    return json.dumps(manifest).replace(checksum, f"\\u00{ord(checksum[0]):x}{checksum[1:]}")


@pytest.mark.parametrize("layout", [compact, mentioned_twice, escaped])
def test_a_model_has_its_new_checksum_whatever_the_layout_of_its_manifest(run, write_model, layout, tmp_path):
    folder = write_model(tmp_path / "known", "stack", network=NETWORK).folder
    former = json.loads(layout(json.loads((folder / "manifest.json").read_text(encoding="utf-8"))))
    (folder / "manifest.json").write_text(layout(former), encoding="utf-8")

    update(run, folder)

    read_manifest(folder).verify()
    values = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    former["weights"] = values["weights"]
    assert values == former


def test_the_layout_of_a_manifest_stays_where_its_weights_change(run, write_model, tmp_path):
    model = write_model(tmp_path / "known", "stack", network=NETWORK)
    before = (model.folder / "manifest.json").read_text(encoding="utf-8")
    update(run, model.folder)
    after = read_manifest(model.folder).sha256
    assert (model.folder / "manifest.json").read_text(encoding="utf-8") == before.replace(model.sha256, after)


def test_weights_are_averaged_with_others_of_fewer_slices(run, tmp_path):
    """The other network sees one slice, the run's three: its first layer counts as 0 for the neighbors."""
    other = DIN(NetworkConfig.from_dict(NETWORK)).state_dict()
    torch.save(other, tmp_path / "other.pt")
    wide = DIN(NetworkConfig.from_dict({**NETWORK, "neighbours": 1})).state_dict()
    torch.save(wide, run / "best.pt")
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    manifest["network"]["neighbours"] = 1
    (run / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    pack(run, tmp_path / "model", bits=16, changes=Changes(tmp_path / "other.pt", 0.25))

    found = load_network(read_manifest(tmp_path / "model")).state_dict()
    for name, value in found.items():
        before = other[name]
        if before.shape != value.shape:
            before = torch.nn.functional.pad(before, (0, 0, 0, 0, 1, 1))
        if value.is_floating_point():
            assert torch.allclose(value, 0.75 * before + 0.25 * wide[name], atol=2e-3, rtol=2e-3), name
    assert json.loads((tmp_path / "model" / "manifest.json").read_text(encoding="utf-8"))["validation"] == {}
    card = (tmp_path / "model" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "(25%) and of other.pt (75%)" in card and "evaluate" in card


@pytest.mark.parametrize(("share", "classes"), [(0.0, 4), (1.0, 4), (0.5, 5)])
def test_weights_that_cannot_be_averaged_are_refused(run, share, classes, listing_of, tmp_path):
    torch.save(DIN(NetworkConfig.from_dict({**NETWORK, "classes": classes})).state_dict(), tmp_path / "other.pt")
    before = listing_of(tmp_path)
    with pytest.raises(InputError):
        pack(run, tmp_path / "model", changes=Changes(tmp_path / "other.pt", share))
    assert listing_of(tmp_path) == before


def test_a_shift_changes_the_score_of_its_structure_alone(run, tmp_path):
    pack(run, tmp_path / "plain", bits=16)
    pack(run, tmp_path / "shifted", bits=16, changes=Changes(shifts={"Wall": 1.5}))
    plain, shifted = (load_network(read_manifest(tmp_path / name)).state_dict() for name in ("plain", "shifted"))
    moved = shifted["decode.head.bias"] - plain["decode.head.bias"]
    assert torch.allclose(moved, torch.tensor([0.0, 0.0, 1.5, 0.0]), atol=1e-3)
    assert all(torch.equal(shifted[name], plain[name]) for name in plain if name != "decode.head.bias")
    assert "score of Wall changed by +1.5" in (tmp_path / "shifted" / "MODEL_CARD.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("shifts", [{"Scar": 1.0}, {"Wall": float("nan")}, {"Wall": float("inf")}])
def test_a_shift_of_no_structure_or_no_number_is_refused(run, shifts, listing_of, tmp_path):
    before = listing_of(tmp_path)
    with pytest.raises(InputError):
        pack(run, tmp_path / "model", changes=Changes(shifts=shifts))
    assert listing_of(tmp_path) == before


def test_an_existing_folder_is_replaced_only_on_demand(run, listing_of, tmp_path):
    weights = pack(run, tmp_path / "model")
    change_best(run, lambda state: state["decode.head.bias"].fill_(0.5))
    before = listing_of(tmp_path)
    with pytest.raises(OutputError, match="exists already"):
        pack(run, tmp_path / "model")
    assert listing_of(tmp_path) == before
    pack(run, tmp_path / "model", overwrite=True)
    assert (torch.load(weights, weights_only=True)["decode.head.bias"] == 0.5).all()
    read_manifest(tmp_path / "model").verify()


def test_a_folder_that_is_no_model_is_never_replaced(run, listing_of, tmp_path):
    (tmp_path / "photos").mkdir()
    before = listing_of(tmp_path)
    with pytest.raises(OutputError, match="is not a model folder"):
        pack(run, tmp_path / "photos", overwrite=True)
    assert listing_of(tmp_path) == before


@pytest.mark.parametrize("name", ["weights.pt", "LICENSE.txt", "MODEL_CARD.md", "manifest.json"])
@pytest.mark.parametrize("form", ["new", "overwrite", "known"])
def test_a_full_disk_leaves_everything_as_it_was(run, listing_of, name, form, tmp_path, monkeypatch):
    if form != "new":
        pack(run, tmp_path / "model")
        change_best(run, lambda state: state["decode.head.bias"].fill_(0.5))
    before = listing_of(tmp_path)
    write_bytes, full = Path.write_bytes, []

    def fill(path, data):
        if name in path.name:
            write_bytes(path, bytes(data)[:20])
            full.append(path)
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_bytes(path, data)

    monkeypatch.setattr(Path, "write_bytes", fill)
    if form == "known" and name in ("LICENSE.txt", "MODEL_CARD.md"):
        update(run, tmp_path / "model")  # writes neither
        assert not full
        return
    with pytest.raises(OutputError, match="No space left on device"):
        update(run, tmp_path / "model") if form == "known" else pack(run, tmp_path / "model", form == "overwrite")
    assert full and listing_of(tmp_path) == before


def test_a_model_keeps_its_weights_where_its_manifest_cannot_be_replaced(
    run, write_model, listing_of, tmp_path, monkeypatch
):  # fmt: skip
    folder = write_model(tmp_path / "known", "stack", network=NETWORK).folder
    before, replace = listing_of(folder), Path.replace

    def refuse(path, target):
        if Path(target).name == "manifest.json":
            raise PermissionError(errno.EACCES, "Permission denied")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        update(run, folder)
    assert listing_of(folder) == before
    read_manifest(folder).verify()


@pytest.mark.parametrize("name", ["best.pt", "curve.csv", "settings.json", "versions.json"])
def test_a_run_that_lacks_a_file_is_refused(run, name, tmp_path):
    (run / name).unlink()
    with pytest.raises(InputError, match=name):
        pack(run, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_weights_of_another_network_are_refused(run, tmp_path):
    change_best(run, lambda state: state.pop("decode.head.bias"))
    with pytest.raises(ModelError, match=r"decode\.head\.bias"):
        pack(run, tmp_path / "model")


@pytest.fixture
def listing_of():
    def find(folder):
        return {
            str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")
        }

    return find


@pytest.mark.parametrize("name", ["settings.json", "versions.json"])
@pytest.mark.parametrize("text", ["[]", "{}", '{"recipe": 5}', "[" * 100_000, '{"recipe": NaN}', "null"])
def test_a_run_folder_with_odd_settings_is_refused_in_a_sentence(run, name, text, tmp_path):
    (run / name).write_text(text, encoding="utf-8")
    try:
        pack(run, tmp_path / "model")
    except InputError as error:
        assert "copy the whole run folder" in str(error)
        assert not (tmp_path / "model").exists()
    else:
        assert name == "versions.json"  # it may lack what the card does not need
        read_manifest(tmp_path / "model").verify()
