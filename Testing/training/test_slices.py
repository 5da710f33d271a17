"""Cases to training slices: the model's axes and intensities, a common canvas, neighbors, balanced batches."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from DINSegmentLib.errors import InputError
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.model import Enhancement, Model, find_model
from DINSegmentLib.model.enhancement import METHODS, enhance
from DINSegmentLib.training.cases import Case
from DINSegmentLib.training.enhancement import enhance_batch
from DINSegmentLib.training.slices import Slices, check_structures, load_slices, mixed, relabeled


@pytest.fixture
def model() -> Model:
    return find_model("cardiac-mr")


def case(shape: tuple[int, int, int], directions: tuple[float, float, float] = (-1.5, -1.5, 10)) -> Case:
    image = np.linspace(0, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    return Case("one", image, np.ones(shape, np.uint8), Geometry(shape, np.diag([*directions, 1.0])))


def test_small_slices_are_padded_and_large_ones_cropped_at_the_center(model):
    slices = load_slices([case((2, 6, 12))], model, 8)
    assert slices.images.shape == slices.labels.shape == (2, 8, 8)
    assert slices.labels[0].sum() == 6 * 8
    assert slices.labels[0, 1:7].all() and not slices.labels[0, 0].any() and not slices.labels[0, 7].any()
    unclipped = case((2, 6, 12)).image / np.percentile(case((2, 6, 12)).image, 99)
    np.testing.assert_allclose(slices.images[1, 1:7], np.clip(unclipped, 0, 1)[1, :, 2:10], atol=2e-3)


def test_a_case_stored_mirrored_gives_the_same_slices(model):
    stored = case((3, 8, 8))
    flipped = Case("two", stored.image[:, :, ::-1], stored.label, Geometry((3, 8, 8), np.diag([1.5, -1.5, 10, 1.0])))
    assert torch.equal(load_slices([stored], model, 8).images, load_slices([flipped], model, 8).images)


def test_neighbors_stay_within_their_case_and_at_the_models_distance(model):
    pair = replace(model, network=replace(model.network, neighbours=1), neighbour_distance=10.0)
    slices = load_slices([case((3, 4, 4)), case((4, 4, 4), (-1.5, -1.5, 5))], pair, 32)
    assert slices.seen[:3].tolist() == [[0, 0, 1], [0, 1, 2], [1, 2, 2]]
    assert slices.seen[3:].tolist() == [[3, 3, 5], [3, 4, 6], [3, 5, 6], [4, 6, 6]]  # 10 mm are two slices of 5 mm


def test_the_models_pixel_is_given_in_pixels_of_the_slice(model):
    slices = load_slices([case((2, 4, 4), (-1.0, -2.0, 10))], model, 32)
    assert slices.pixels[0].tolist() == pytest.approx([model.spacing / 2.0, model.spacing / 1.0])
    coarser = load_slices([case((2, 4, 4), (-1.0, -2.0, 10))], model, 32, spacing=3.0)
    assert coarser.pixels[0].tolist() == pytest.approx([1.5, 3.0])


def test_a_slice_on_its_canvas_is_enhanced_as_it_is_without_one(model):
    shape = (2, 40, 24)
    whole = case(shape, (-1.0, -2.0, 10))
    whole = replace(whole, image=np.random.default_rng(0).random(shape, dtype=np.float32))
    batch = next(load_slices([whole], model, 64).batches(4, 0.0, torch.Generator().manual_seed(0)))
    height, width = batch.extents[0].tolist()
    top, left = (64 - height) // 2, (64 - width) // 2
    inside = batch.images[..., top : top + height, left : left + width]

    assert sorted((height, width)) == [24, 40] and inside.count_nonzero() == batch.images.count_nonzero() > 0
    for method in METHODS:
        made = enhance_batch(batch.images, [method] * 4, torch.ones(4), batch.extents)
        native = enhance(inside[:, 0].numpy(), Enhancement(method, 1.0))
        assert np.abs(made[:, 0, top : top + height, left : left + width].numpy() - native).max() < 1e-5
        assert made[:, 0].sum() == pytest.approx(float(native.sum()), rel=1e-4)  # nothing around it


def numbered(labels: list[int]) -> Slices:
    """One-pixel slices: the n-th has the value n and the given label, and sees only itself."""
    count = len(labels)
    images = torch.arange(count, dtype=torch.float16).reshape(count, 1, 1)
    truth = torch.tensor(labels, dtype=torch.uint8).reshape(count, 1, 1)
    return Slices(images, truth, torch.arange(count)[:, None], torch.ones(count, 2), torch.ones(count, 2))


def drawn(slices: Slices, balance: float, batches: int = 300, seed: int = 0) -> torch.Tensor:
    source = slices.batches(8, balance, torch.Generator().manual_seed(seed))
    return torch.cat([next(source).images.flatten() for _ in range(batches)]).int()


def test_without_balance_every_slice_comes_as_often():
    counts = torch.bincount(drawn(numbered([0, 0, 0, 1]), 0.0), minlength=4) / 2400
    assert counts.tolist() == pytest.approx([0.25] * 4, abs=0.04)


def test_with_balance_each_structure_comes_as_often():
    counts = torch.bincount(drawn(numbered([0, 1, 1, 1, 2]), 1.0), minlength=5) / 2400
    assert counts.tolist() == pytest.approx([0, 1 / 6, 1 / 6, 1 / 6, 1 / 2], abs=0.04)


def test_one_seed_draws_the_same_slices():
    slices = numbered(list(range(9)))
    assert torch.equal(drawn(slices, 0.3, 5), drawn(slices, 0.3, 5))
    assert not torch.equal(drawn(slices, 0.3, 5), drawn(slices, 0.3, 5, seed=1))


def test_no_case_is_refused(model):
    with pytest.raises(InputError, match="No training case"):
        load_slices([], model, 8)


def labeled(*values: int) -> Case:
    given = case((len(values), 4, 4))
    return replace(given, label=np.repeat(np.array(values, np.uint8), 16).reshape(given.label.shape))


def test_labels_of_another_data_set_become_the_models(model):
    names = {"Left ventricle": (1,), "Myocardium": (2, 3, 4)}
    (found,) = relabeled([labeled(0, 1, 2, 3, 4)], model, names)
    assert found.label[:, 0, 0].tolist() == [0, 3, 2, 2, 2]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({"Scar": (3,)}, '"Scar", and cardiac-mr has Right ventricle, Myocardium, Left ventricle'),
        ({"Myocardium": (2,), "Left ventricle": (1, 2)}, "the value 2 to two structures"),
        ({"Myocardium": (2,)}, "one has label 1, which the partial labels do not name"),
    ],
)
def test_partial_labels_that_cannot_be_meant_are_refused(model, names, words):
    with pytest.raises(InputError, match=words):
        list(relabeled([labeled(0, 1, 2)], model, names))


def test_mixed_batches_say_which_slices_leave_a_structure_out():
    parts = [numbered([1, 2]).batches(size, 0.0, torch.Generator().manual_seed(0)) for size in (3, 2)]
    batch = next(mixed(*parts, [False, True, False]))
    assert batch.images.shape == (5, 1, 1, 1) and batch.pixels.shape == (5, 2)
    assert batch.unlabeled.tolist() == 3 * [[False] * 3] + 2 * [[False, True, False]]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((1, 2), r"has the structure Left ventricle \(label 3\)"),
        ((1, 2, 3, 4), "has label 4, but cardiac-mr has 1 to 3"),
    ],
)
def test_training_cases_without_a_structure_of_the_model_or_with_another_are_refused(model, values, words):
    with pytest.raises(InputError, match=words):
        check_structures(load_slices([labeled(*values)], model, 8), model)
