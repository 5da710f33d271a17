"""Segmentation of a volume: the network's input, and the result."""

import dataclasses
import hashlib
import pickle
from functools import partial

import numpy as np
import pytest
import torch
from probabilities import probabilities
from ranks import margins_of

from DINSegmentLib.engine import segmenter as module
from DINSegmentLib.engine.accumulators import winners
from DINSegmentLib.engine.parameters import Parameters
from DINSegmentLib.engine.preprocessing import enhance_volume, preprocess_volume
from DINSegmentLib.engine.segmenter import Segmenter, load_network, segment
from DINSegmentLib.errors import GeometryError, InputError, ModelError
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.model import Enhancement, EnhancementChoice, find_model
from DINSegmentLib.model.config import NetworkConfig
from DINSegmentLib.model.orientation import orientation
from DINSegmentLib.network import DIN, fold


def grid(shape, spacing=(1.5, 1.5, 8.0), steps=((-1, 0, 0), (0, -1, 0), (0, 0, 1))) -> Geometry:
    """Steps are the directions of I, J, K in RAS; the default (left, back, up) is what the stack model wants."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(steps).T * spacing
    return Geometry(shape, matrix)


def noise(shape, dtype=np.int16, seed=4) -> np.ndarray:
    return np.random.default_rng(seed).normal(100, 90, shape).astype(dtype)


@pytest.fixture
def spied(monkeypatch):
    """What reached resampling and the network, batch by batch: {"resampling": [...], "network": [(o, e), ...]}."""
    seen = {"resampling": [], "network": []}
    to_model_grid, scores = module.to_model_grid, Segmenter.scores

    def spy_grid(slices, size):
        seen["resampling"].append(slices.clone())
        return to_model_grid(slices, size)

    def spy_scores(self, original, enhanced):
        seen["network"].append((original.clone(), enhanced.clone()))
        return scores(self, original, enhanced)

    monkeypatch.setattr(module, "to_model_grid", spy_grid)
    monkeypatch.setattr(Segmenter, "scores", spy_scores)
    return seen


def test_labels_are_the_networks_argmax_where_nothing_is_resampled(stack_model):
    # stored as the model wants it; normalized and enhanced by the formulas, not by the engine
    volume, geometry = noise((3, 40, 37)), grid((3, 40, 37))
    segmenter = Segmenter(stack_model, "cpu")
    low, high = float(volume.min()), float(np.percentile(volume, 99))
    original = np.clip((volume.astype(np.float32) - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    enhanced = np.log1p(original * np.float32(255)) * np.float32(1 / np.log(256))
    dtype = getattr(torch, segmenter.device.precision)
    network = fold(load_network(stack_model)).to(dtype).to(memory_format=torch.channels_last)
    pair = (torch.from_numpy(x)[:, None].to(dtype, memory_format=torch.channels_last) for x in (
        original, enhanced
    ))  # fmt: skip
    with torch.inference_mode():
        expected = network(*pair).argmax(dim=1).numpy()

    labels = segmenter.segment(volume, geometry).labels
    assert len(np.unique(expected)) > 2
    assert labels.dtype == np.uint8
    assert np.array_equal(labels, expected)


@pytest.mark.parametrize("spacing", [(1.5, 1.5, 8.0), (1.1, 2.3, 8.0)], ids=["not resampled", "resampled"])
@pytest.mark.parametrize(("method", "strength"), [("log", 1.0), ("gamma", 0.7), ("fuzzy", 1.3), ("none", 1.0)])
def test_the_preview_is_what_goes_to_resampling_bit_for_bit(segmenter, spied, spacing, method, strength):
    # obliquely stored, and in batches that do not divide the volume
    steps = ((0.1, -0.02, 1), (1, 0.05, -0.1), (-0.05, 1, 0.02))
    geometry = grid((17, 19, 23), spacing, steps)
    volume = noise(geometry.shape)
    parameters = Parameters(enhancement=Enhancement(method, strength), batch_size=2)
    preview = enhance_volume(volume, geometry, segmenter.model, parameters)
    segmenter.segment(volume, geometry, parameters)

    assert preview.shape == volume.shape and preview.dtype == np.float32 and preview.flags.c_contiguous
    handed = torch.cat(spied["resampling"][1::2])[:, 0].numpy()
    assert np.array_equal(handed, orientation(geometry, segmenter.model.axes).to_model(preview))


def test_the_preview_is_what_the_network_sees_where_nothing_is_resampled(segmenter, spied):
    geometry = grid((4, 33, 18))
    volume = noise(geometry.shape)
    segmenter.segment(volume, geometry)
    original, enhanced = (torch.cat(x)[:, 0].numpy() for x in zip(*spied["network"], strict=True))
    orient = orientation(geometry, segmenter.model.axes)
    preview = enhance_volume(volume, geometry, segmenter.model)
    both = preprocess_volume(volume, geometry, segmenter.model.axes, segmenter.model.intensity, Enhancement("log", 1.0))

    assert np.array_equal(enhanced, orient.to_model(preview))
    assert np.array_equal(original, orient.to_model(both[0]))
    assert np.array_equal(preview, both[1])


def test_enhancement_comes_before_resampling(stack_model, spied):
    geometry = grid((3, 40, 36), spacing=(0.9, 0.9, 8.0))
    volume = noise(geometry.shape)
    Segmenter(stack_model, "cpu").segment(volume, geometry)
    ((original, enhanced),) = spied["network"]
    assert original.shape == (3, 1, 24, 22)  # 40 x 36 pixels of 0.9 mm, to 1.5 mm

    native = torch.from_numpy(enhance_volume(volume, geometry, stack_model))[:, None]
    expected = torch.nn.functional.interpolate(native, (24, 22), mode="bilinear", antialias=True)
    late = torch.log1p(original * 255) / np.log(256)
    assert torch.equal(enhanced, expected)
    assert (enhanced - late).abs().max() > 0.01  # the other order is another picture


def test_constants_come_from_the_whole_volume_not_from_a_batch(stack_model, spied):
    volume, geometry = noise((4, 20, 20)).astype(np.float32), grid((4, 20, 20))
    volume[2] *= 5  # in the other slices nothing comes near white
    Segmenter(stack_model, "cpu").segment(volume, geometry, Parameters(batch_size=1))
    seen, enhanced = (torch.cat(x)[:, 0].numpy() for x in zip(*spied["network"], strict=True))
    low, high = volume.min(), np.percentile(volume, 99)

    assert len(spied["network"]) == 4
    assert np.allclose(seen, np.clip((volume - low) / (high - low), 0, 1), atol=1e-6)
    assert np.allclose(enhanced, np.log1p(255 * seen) / np.log(256), atol=1e-6)


def test_an_abdomen_comes_as_hounsfield_window_in_the_training_axes(fixed_model, spied):
    # stored RAS (i to the right, j to the front, k up): rows must lead left, columns to the front
    k, j, i = np.indices((4, 20, 18))
    geometry = grid((4, 20, 18), steps=np.eye(3))
    volume = (-200 + 100 * k + 10 * j + i).astype(np.int16)
    Segmenter(fixed_model, "cpu").segment(volume, geometry)
    ((original, _),) = spied["network"]
    s, left, front = np.indices((4, 18, 20))
    hounsfield = -200 + 100 * s + 10 * front + (17 - left)

    assert np.allclose(original[:, 0], np.clip((hounsfield + 125) / 400, 0, 1), atol=1e-6)


STEPS = ((0.1, 1, 0), (0, -0.1, -1), (1, 0, 0.05))  # of I, J, K: no storage order that a model wants


def quarters(volume, geometry, model):
    """Labels of `bands` by hand, and where a gray lies so close to an edge that rounding may decide."""
    if model.intensity.method == "window":
        scaled = (volume + 125) / 400
    else:
        scaled = (volume - volume.min()) / (np.percentile(volume, 99) - volume.min())
    scaled = 4 * scaled.clip(0, 1)
    return np.minimum(scaled, 3).astype(np.uint8), np.abs(scaled - scaled.round()) < 1e-4


def test_each_voxels_label_follows_from_its_own_value_where_nothing_is_resampled(model, bands):
    geometry = grid((16, 20, 22), spacing=np.full(3, 1.5) / np.linalg.norm(STEPS, axis=1), steps=STEPS)
    volume = np.random.default_rng(1).uniform(-150, 300, geometry.shape)
    expected, edge = quarters(volume, geometry, model)
    labels = bands(model).segment(volume, geometry).labels

    assert set(np.unique(expected)) == {0, 1, 2, 3}
    assert np.array_equal(labels[~edge], expected[~edge])


def test_a_ball_stays_at_its_place_where_slices_are_resampled(model, bands):
    geometry = grid((30, 40, 44), spacing=(1.1, 1.9, 1.3), steps=STEPS)
    k, j, i = np.indices(geometry.shape)
    millimeters = np.hypot(np.hypot((k - 14.3) * 1.3, (j - 20.6) * 1.9), (i - 23.2) * 1.1)
    volume = 275 - 400 / (1 + np.exp(12 - millimeters))  # a ball of 12 mm with a soft edge
    labels = bands(model).segment(volume, geometry).labels

    assert np.abs(np.argwhere(labels >= 2).mean(axis=0) - (14.3, 20.6, 23.2)).max() < 0.1
    assert np.count_nonzero(labels >= 2) == pytest.approx(np.count_nonzero(millimeters < 12), rel=0.03)


@pytest.mark.parametrize("spacing", [(1.5, 1.5, 8.0), (1.1, 2.3, 8.0)])
def test_probabilities_sum_to_one_and_name_the_labels(segmenter, reorder, restore, spacing):
    volume, geometry = reorder(noise((4, 30, 25)), grid((4, 30, 25), spacing), (2, 0, 1), (True, False, True))
    labels, p = segmenter.segment(volume, geometry).labels, probabilities(segmenter, volume, geometry).probabilities
    sure = np.diff(np.sort(p, axis=0)[-2:], axis=0)[0] > 1e-6

    assert p.shape == (4, *volume.shape)
    assert np.abs(p.sum(axis=0) - 1).max() < 1e-5
    assert sure.mean() > 0.5
    assert np.array_equal(p.argmax(axis=0)[sure], labels[sure])


def test_margins_are_those_of_the_probabilities(segmenter, reorder):
    volume, geometry = reorder(noise((4, 30, 25)), grid((4, 30, 25), (1.5, 1.5, 8.0)), (2, 0, 1), (True, False, True))
    result = segmenter.segment(volume, geometry, Parameters(margins=True))
    found, expected = result.margins, margins_of(probabilities(segmenter, volume, geometry).probabilities)

    for one, other in ((found.near, expected.near), (found.far, expected.far)):
        first, second = (16 * (values / 255.0) ** 2 for values in (one, other))
        assert np.abs(first - second).max() < 0.02 and first.max() > 0.1  # a step more or less: float16
    sure = expected.near > 5
    assert sure.mean() > 0.5 and np.array_equal(found.first[sure], expected.first[sure])
    assert np.array_equal(found.first, result.labels)  # this model has no clean-up
    apart = sure & (expected.far > expected.near + 5)
    assert apart.mean() > 0.3 and np.array_equal(found.second[apart], expected.second[apart])
    assert segmenter.segment(volume, geometry).margins is None


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64, ">i2", ">f4"])
def test_every_real_number_type_of_the_same_values_gives_the_same_labels(segmenter, dtype):
    volume, geometry = noise((3, 20, 20)).clip(0, 255), grid((3, 20, 20))
    given = volume.astype(dtype)
    given.flags.writeable = False

    assert np.array_equal(segmenter.segment(given, geometry).labels, segmenter.segment(volume, geometry).labels)


def test_the_same_volume_gives_the_same_bits_twice(segmenter):
    volume, geometry = noise((5, 40, 30)), grid((5, 40, 30), spacing=(1.1, 1.3, 6.0))
    first, second = (segmenter.segment(volume, geometry, Parameters(confidence=True, margins=True)) for _ in range(2))

    assert np.array_equal(first.labels, second.labels)
    assert np.array_equal(first.confidence_map, second.confidence_map)
    assert np.array_equal(first.margins.fields, second.margins.fields)
    assert np.array_equal(segment(volume, geometry, segmenter.model, device="cpu").labels, first.labels)


def test_parameters_come_back_from_a_record():
    expected = Parameters(enhancement=EnhancementChoice("gamma", 0.5), mirroring=True)
    assert Parameters.from_json(dataclasses.asdict(expected)) == expected


def test_a_result_tells_what_was_done(stack_model):
    volume, geometry = noise((3, 20, 20)), grid((3, 20, 20))
    result = Segmenter(stack_model, "cpu").segment(
        volume, geometry, Parameters(enhancement=EnhancementChoice(strength=0.5))
    )

    assert result.parameters.enhancement == Enhancement("log", 0.5)
    assert (result.device.name, result.device.reason, result.notices) == ("cpu", "CPU as requested", ())
    assert 0 < result.timings["forward"] < result.timings["total"]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (Parameters(batch_size=0), "batch of 0"),
    ],
)
def test_parameters_that_cannot_be_used_are_refused(segmenter, parameters, words):
    with pytest.raises(InputError, match=words):
        segmenter.segment(noise((3, 20, 20)), grid((3, 20, 20)), parameters)


def bad_volumes():
    good = noise((3, 20, 20), np.float32)
    nan, infinite = good.copy(), good.copy()
    nan[1, 2, 3], infinite[1, 2, 3] = np.nan, np.inf
    return [
        (good[0], "2 dimensions", InputError),
        (np.stack([good] * 3, axis=-1), "4 dimensions", InputError),
        (good[:0], "empty", InputError),
        (good[:, :19], "geometry says", GeometryError),
        (good[:1], "only one slice", GeometryError),
        (good.astype(complex), "complex", InputError),
        (nan, "NaN or infinite", InputError),
        (infinite, "NaN or infinite", InputError),
        (np.full_like(good, 7), "constant", InputError),
    ]


@pytest.mark.parametrize(("volume", "words", "error"), bad_volumes(), ids=[words for _, words, _ in bad_volumes()])
def test_a_volume_that_cannot_be_used_is_refused_by_name_in_run_and_preview(segmenter, volume, words, error):
    shape = (1, 20, 20) if words == "only one slice" else (3, 20, 20)
    with pytest.raises(error, match=f"^heart.nii.gz .*{words}"):
        segmenter.segment(volume, grid(shape), name="heart.nii.gz")
    with pytest.raises(error, match=words):
        enhance_volume(volume, grid(shape), segmenter.model)


def broken(model, tmp_path, state, **changes):
    """A copy of a model with another weight file, whose hash is right."""
    path = tmp_path / "w.pt"
    path.write_bytes(state) if isinstance(state, bytes) else torch.save(state, path)
    return dataclasses.replace(
        model, weights_path=path, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), **changes
    )


@pytest.mark.parametrize("scale", [None, torch.ones(7), torch.full((16,), torch.nan)], ids=["none", "short", "nan"])
def test_weights_of_8_bits_without_a_finite_scale_for_each_channel_are_refused(stack_model, tmp_path, scale):
    state = torch.load(stack_model.weights_path, weights_only=True)
    name = next(name for name, value in state.items() if value.ndim > 1 and len(value) == 16)
    state[name] = state[name].to(torch.int8)
    if scale is not None:
        state[name + ".scale"] = scale
    with pytest.raises(ModelError, match="do not fit the network"):
        load_network(broken(stack_model, tmp_path, state))


class Evil:
    ran = False

    def __reduce__(self):
        return setattr, (Evil, "ran", True)


@pytest.mark.parametrize("pack", [partial(pickle.dumps, protocol=2), lambda x: x], ids=["plain pickle", "torch file"])
def test_code_in_a_weight_file_is_refused_and_never_runs(stack_model, tmp_path, pack):
    with pytest.raises(ModelError, match="weights of tiny-stack"):
        Segmenter(broken(stack_model, tmp_path, pack({"a": Evil()})), "cpu")
    assert not Evil.ran


@pytest.mark.parametrize("content", [b"", b"no weights", {"a": torch.ones(1)}, [torch.ones(1)], {"a": 1}])
def test_weights_that_do_not_fit_their_manifest_are_refused(stack_model, tmp_path, content):
    with pytest.raises(ModelError, match="do not fit the network of its manifest"):
        Segmenter(broken(stack_model, tmp_path, content), "cpu")


@pytest.mark.parametrize("change", [{"widths": [8, 8, 16, 32]}, {"stem": "round"}, {"depths": [1]}])
def test_a_manifest_of_another_network_is_refused(stack_model, change):
    with pytest.raises(ModelError, match="do not fit the network of its manifest"):
        Segmenter(dataclasses.replace(stack_model, network=dataclasses.replace(stack_model.network, **change)), "cpu")


@pytest.mark.cuda
def test_cpu_and_cuda_agree_on_more_than_999_of_1000_voxels(repository):
    import SimpleITK as sitk

    image = sitk.ReadImage(str(repository / "Resources" / "SampleData" / "cardiac_phantom_ED.nrrd"))
    volume, model = sitk.GetArrayFromImage(image), find_model("cardiac-mr")
    matrix = np.eye(4)
    matrix[:3, :3] = np.diag([-1, -1, 1]) @ np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    cpu, cuda = (segment(volume, Geometry(volume.shape, matrix), model, device=d) for d in ("cpu", "cuda"))

    assert (cpu.device, cuda.device) == ("cpu", "cuda:0")
    assert len(np.unique(cpu.labels)) == len(model.labels) + 1
    assert (cpu.labels == cuda.labels).mean() > 0.999


def test_with_mirroring_a_stack_that_runs_the_other_way_gives_the_same_labels(stack_model, write_model, tmp_path):
    network = {**stack_model.network.as_dict(), "neighbours": 1}
    torch.manual_seed(5)
    state = DIN(NetworkConfig.from_dict({**network, "deep_supervision": False})).state_dict()
    state["decode.head.weight"] *= 20  # random heads hardly distinguish anything
    model = write_model(tmp_path / "three", "stack", network=network, neighbour_distance=10.0)
    model = broken(model, tmp_path, state)
    segmenter = Segmenter(model, "cpu")
    volume = np.random.default_rng(4).uniform(0, 900, (5, 64, 64)).astype(np.float32)
    geometry = Geometry(volume.shape, np.diag([-1.5, -1.5, 10.0, 1.0]))
    asked = Parameters(mirroring=True)
    given = probabilities(segmenter, volume, geometry, asked).probabilities
    turned = probabilities(segmenter, volume[::-1, :, ::-1].copy(), geometry, asked).probabilities

    assert np.abs(turned[:, ::-1, :, ::-1].astype(float) - given).max() < 0.02  # bfloat16
    alone = dataclasses.replace(asked, mirroring=False)
    given, turned = (probabilities(segmenter, v, geometry, alone).probabilities for v in (volume, volume[::-1].copy()))
    assert np.abs(turned[:, ::-1].astype(float) - given).max() > 0.02  # one way alone distinguishes the directions


def test_mirroring_averages_the_scores_of_a_slice_and_its_mirror_image(stack_model):
    volume, geometry = noise((3, 32, 32)), grid((3, 32, 32))
    segmenter = Segmenter(stack_model, "cpu")
    plain = probabilities(segmenter, volume, geometry, Parameters(mirroring=False)).probabilities
    both = probabilities(segmenter, volume, geometry, Parameters(mirroring=True)).probabilities
    oriented = orientation(geometry, stack_model.axes)
    other = volume[:, :, ::-1] if oriented.order[2] == 2 else volume[:, ::-1]
    mirrored = probabilities(segmenter, other, geometry, Parameters(mirroring=False)).probabilities
    mirrored = mirrored[:, :, :, ::-1] if oriented.order[2] == 2 else mirrored[:, :, ::-1]
    product = np.sqrt(plain * mirrored)  # the mean of scores is the geometric mean of probabilities
    np.testing.assert_allclose(both, product / product.sum(axis=0), atol=5e-3)
    assert np.abs(both - plain).max() > 0.01


@pytest.mark.parametrize("classes", [2, 4, 9, 256])
def test_the_winner_is_the_first_of_the_largest_scores_as_numpy_finds_it(classes):
    scores = np.random.default_rng(classes).integers(-3, 4, (classes, 30, 41)).astype(np.float32)  # many are equal
    highest, won = winners(torch.from_numpy(scores))

    assert won.dtype == torch.uint8
    assert np.array_equal(won, scores.argmax(0)) and np.array_equal(highest, scores.max(0))
