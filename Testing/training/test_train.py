"""The training loop: schedule, resuming, initial weights, and failing steps."""

import io
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from DINSegmentLib.errors import InputError, OutputError
from DINSegmentLib.model import Model, find_model
from DINSegmentLib.training.augmentation import Augmentation
from DINSegmentLib.training.recipe import Recipe
from DINSegmentLib.training.run import Run, write
from DINSegmentLib.training.sheet import sheet
from DINSegmentLib.training.slices import Slices
from DINSegmentLib.training.train import Progress, Trainer

STILL = Augmentation(
    free_rotation=0, rotation=0, mirror=False, scale=(1.0, 1.0), shift=0, elastic=0, intensity=0, curves=0, structures=0
)
RECIPE = replace(
    Recipe(), steps=20, batch=4, sizes=(64,), size_shares=(1.0,), canvas=64, rate=5e-3, augmentation=STILL, gentle=STILL
)
CPU = torch.device("cpu")


@pytest.fixture
def model(tiny_model) -> Model:
    return find_model(str(tiny_model))


@pytest.fixture
def slices() -> Slices:
    """Six slices with a bright square of label 3 in a gray one of label 1."""
    images, labels = torch.full((6, 64, 64), 0.1), torch.zeros(6, 64, 64, dtype=torch.uint8)
    images[:, 16:48, 16:48], labels[:, 16:48, 16:48] = 0.5, 1
    images[:, 24:40, 24:40], labels[:, 24:40, 24:40] = 0.9, 3
    return Slices(images.half(), labels, torch.arange(6)[:, None], torch.ones(6, 2), torch.full((6, 2), 64))


def weights(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def batches(slices: Slices):
    return slices.batches(4, 0.3, torch.Generator().manual_seed(0))


def test_the_loss_falls(model, slices):
    trainer, source = Trainer(model, RECIPE, CPU), batches(slices)
    losses = [trainer.train_step(source).item() for _ in range(20)]
    assert np.mean(losses[-3:]) < 0.9 * np.mean(losses[:3])
    assert trainer.progress == 1


def test_a_step_without_a_finite_gradient_changes_no_weight(model, slices, monkeypatch):
    trainer, source = Trainer(model, RECIPE, CPU), batches(slices)
    trainer.train_step(source)
    before = weights(trainer.network)
    right = trainer.loss
    trainer.loss = lambda *inputs: right(*inputs) * torch.nan
    assert not trainer.train_step(source).isfinite()
    assert torch.equal(weights(trainer.network), before)
    trainer.loss = right
    assert trainer.train_step(source).isfinite()
    assert not torch.equal(weights(trainer.network), before)


def test_a_state_goes_on_as_if_nothing_had_happened(model, slices):
    one, source = Trainer(model, RECIPE, CPU), batches(slices)
    for _ in range(3):
        one.train_step(source)
    other = Trainer(model, replace(RECIPE, seed=1), CPU)
    other.load_state(deepcopy(one.state()))  # as from a file: nothing is shared
    assert (other.step, other.seconds) == (one.step, one.seconds)
    results = []
    for trainer in (one, other):
        torch.manual_seed(3)
        trainer.train_step(batches(slices))
        results.append(weights(trainer.network))
    torch.testing.assert_close(*results)


def test_a_state_of_another_network_is_refused(model):
    state = Trainer(model, RECIPE, CPU).state()
    wider = replace(model, network=replace(model.network, decoder_width=2 * model.network.decoder_width))
    with pytest.raises(InputError, match="another architecture"):
        Trainer(wider, RECIPE, CPU).load_state(state)


def test_a_run_folder_keeps_what_it_has_when_the_disk_is_full(tmp_path, monkeypatch):
    run = Run(tmp_path)
    run.save_last({"step": 1})

    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OutputError, match="No space left on device"):
        run.save_last({"step": 2})
    monkeypatch.undo()
    assert run.load_last() == {"step": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]


def test_a_run_goes_on_only_with_its_own_settings(tmp_path):
    run = Run(tmp_path / "run")
    run.begin({"rate": 1}, {})
    run.begin({"rate": 2}, {})  # nothing was trained yet
    run.save_last({"step": 1})
    run.begin({"rate": 2}, {})
    with pytest.raises(InputError, match="other settings"):
        run.begin({"rate": 1}, {})


def test_a_run_goes_on_when_settings_were_added_whose_defaults_change_nothing(tmp_path):
    run = Run(tmp_path / "run")
    run.begin({"recipe": {"rate": 1, "views": {"shift": 2}}}, {})
    run.save_last({"step": 1})
    later = {"recipe": {"rate": 1, "views": {"shift": 2, "aspect": 3}, "keep": "best"}, "partial": None}
    defaults = {"recipe": {"rate": 5, "views": {"shift": 6, "aspect": 3}, "keep": "best"}, "partial": None}
    run.begin(later, {}, defaults)
    with pytest.raises(InputError, match="other settings"):
        run.begin({**later, "partial": {"share": 1}}, {}, defaults)
    with pytest.raises(InputError, match="other settings"):
        run.begin({**later, "recipe": {**later["recipe"], "rate": 5}}, {}, defaults)


def test_a_damaged_last_is_refused(tmp_path):
    write(tmp_path / "last.pt", b"half a file")
    with pytest.raises(InputError, match="is damaged"):
        Run(tmp_path).load_last()


def test_progress_says_what_is_left():
    assert str(Progress(0.5, 10, 0.25, None, 600)) == " 50.0 %  step 10  loss 0.2500  10 min left"
    assert "30 s left  validation Dice 0.7000 (0.6000, 0.8000)" in str(Progress(0.9, 18, 0.2, (0.6, 0.8), 30))


def test_the_sheet_is_a_picture_and_repeats(model, slices):
    first = sheet(slices, model, RECIPE)
    assert sheet(slices, model, RECIPE) == first
    assert sheet(slices, model, replace(RECIPE, seed=1)) != first
    with Image.open(io.BytesIO(first)) as picture:
        assert picture.size == (10 + 8 * (2 * 120 + 10), 7 * (28 + 120 + 10) + 10)  # eight pairs in seven rows
        drawn = np.asarray(picture)
    stored = drawn[28:148, 10:130]  # the first view as it is stored, and its copy
    assert np.ptp(stored) > 100 and not np.array_equal(stored, drawn[28:148, 130:250])


@pytest.mark.cuda
def test_on_a_gpu_recorded_steps_learn_as_well(model, slices):
    device = torch.device("cuda")
    trainer, source = Trainer(model, RECIPE, device), batches(slices.to(device))
    losses = [trainer.train_step(source).item() for _ in range(20)]
    assert np.mean(losses[-3:]) < 0.9 * np.mean(losses[:3])
