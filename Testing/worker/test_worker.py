"""The worker process through its client: repeated runs, cancellation, every ending, and what is left behind."""

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from pipes import GRID, Ears, Pipes, request, run, wait

import numpy as np
import pytest

from DINSegmentLib.engine.parameters import Parameters
from DINSegmentLib.engine.segmenter import segment
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.measure import slices_to_review
from DINSegmentLib.model import Enhancement, find_model
from DINSegmentLib.notices import Notice
from DINSegmentLib.worker import client as client_module
from DINSegmentLib.worker.client import Client, Measurement, Request, State
from DINSegmentLib.worker.protocol import Code, encode

pytestmark = pytest.mark.faults


def test_labels_are_those_of_the_engine_and_nothing_is_left(worker, volume, tiny_model, temporary):
    asked = request(volume, tiny_model, parameters=Parameters(enhancement=Enhancement("gamma", 0.7), batch_size=2))
    ears = run(worker, asked)
    expected = segment(volume, asked.geometry, find_model(str(tiny_model)), asked.parameters, "cpu")
    assert np.array_equal(ears.labels, expected.labels) and ears.labels.any()
    assert ears.steps == [(0, 6), (2, 6), (4, 6), (6, 6)]
    assert ears.story["device"] == "cpu" and ears.story["timings"]["total"] > 0
    doubts = slices_to_review(expected.confidence, expected.model.labels)
    assert [Notice.from_json(one) for one in ears.story["review"]] == doubts and doubts
    assert worker.state is State.READY and not any(temporary.iterdir())


def test_the_second_run_finds_the_model_warm_and_a_change_of_model_does_not(
    worker, volume, tiny_model, write_model, tmp_path
):
    assert run(worker, request(volume, tiny_model)).warm is False
    process = worker.about["pid"]
    started = time.monotonic()
    again = run(worker, request(volume, tiny_model))
    assert again.warm is True and again.labels is not None
    assert time.monotonic() - started < 10  # torch and the model are there
    other = write_model(tmp_path / "other", "fixed").folder
    assert run(worker, request(volume, other)).warm is False
    assert worker.about["pid"] == process


def test_a_cancelled_run_stops_between_batches_and_leaves_the_model_warm(worker, volume, tiny_model, temporary):
    ears = Ears()
    ears.act = lambda done, total: worker.cancel()
    worker.segment(request(volume, tiny_model, parameters=Parameters(batch_size=1)), ears)
    wait(worker, lambda: ears.over)
    assert ears.code is Code.CANCELLED and ears.labels is None
    assert not any(temporary.iterdir()) and worker.state is State.READY
    assert run(worker, request(volume, tiny_model)).warm is True


def test_cancel_before_the_volume_is_handed_over_ends_at_once(worker, volume, tiny_model, temporary):
    ears = Ears()
    worker.segment(request(volume, tiny_model), ears)
    worker.cancel()
    assert ears.code is Code.CANCELLED and not worker.busy and not any(temporary.iterdir())


def test_a_killed_worker_is_told_and_the_next_run_starts_another(worker, volume, tiny_model, temporary):
    ears = Ears()
    ears.act = lambda done, total: worker._channel.process.kill()
    worker.segment(request(volume, tiny_model, parameters=Parameters(batch_size=1)), ears)
    wait(worker, lambda: ears.over)
    assert ears.code is Code.KILLED and "nothing was changed" in ears.text
    assert worker.state is State.OFF and not any(temporary.iterdir())
    assert run(worker, request(volume, tiny_model)).labels is not None


def test_a_worker_killed_at_any_of_20_moments_costs_its_run_alone(worker, volume, tiny_model, temporary):
    dice, codes = random.Random(5), []
    expected = run(worker, request(volume, tiny_model)).labels
    for _ in range(20):
        ears, at = Ears(), time.monotonic() + dice.uniform(0, 0.4)
        worker.segment(request(volume, tiny_model, parameters=Parameters(batch_size=1)), ears)
        wait(worker, lambda at=at: time.monotonic() > at)
        if worker._channel.process is not None:
            worker._channel.process.kill()
        wait(worker, lambda ears=ears: ears.over)
        codes.append(ears.code)
        assert ears.code in (None, Code.KILLED) and not any(temporary.iterdir())
        assert ears.labels is None or (ears.labels == expected).all()
        wait(worker, lambda: worker.state is State.OFF)
    assert Code.KILLED in codes  # some were hit in the run, others before it or after it
    assert (run(worker, request(volume, tiny_model)).labels == expected).all()


def test_two_slicers_at_once_do_not_touch_each_others_runs(worker, volume, tiny_model, temporary):
    other = Pipes()
    other.client = Client(other)
    mine, theirs = Ears(), Ears()
    worker.segment(request(volume, tiny_model, parameters=Parameters(batch_size=1)), mine)
    other.client.segment(request(volume[::-1], tiny_model, parameters=Parameters(batch_size=1)), theirs)
    wait(worker, lambda: other.pump() or other.client.tick() or (mine.over and theirs.over))
    assert (mine.labels == run(worker, request(volume, tiny_model)).labels).all()
    assert (theirs.labels == run(worker, request(volume[::-1], tiny_model)).labels).all()
    assert not any(temporary.iterdir())
    other.kill()
    other.process.wait()


def test_a_worker_that_does_not_answer_a_cancel_is_killed(volume, tiny_model, temporary):
    worker, now = stuck_worker()
    ears = Ears()
    worker.segment(request(volume, tiny_model), ears)
    wait(worker, lambda: worker.state is State.RUNNING)
    worker.cancel()
    now[0] += client_module.PATIENCE + 0.1
    worker.tick()
    assert ears.code is Code.CANCELLED and not any(temporary.iterdir())
    wait(worker, lambda: worker.state is State.OFF)


def test_a_silent_worker_is_killed(volume, tiny_model, temporary):
    worker, now = stuck_worker()
    ears = Ears()
    worker.segment(request(volume, tiny_model), ears)
    wait(worker, lambda: worker.state is State.RUNNING)
    for _ in range(int(client_module.SILENCE) + 1):
        now[0] += 1
        worker.tick()
    assert ears.code is Code.SILENT and "60 seconds" in ears.text
    wait(worker, lambda: worker.state is State.OFF)
    assert not any(temporary.iterdir())


def test_a_computer_that_slept_in_a_run_does_not_end_it(volume, tiny_model, temporary):
    worker, now = stuck_worker()
    ears = Ears()
    worker.segment(request(volume, tiny_model), ears)
    wait(worker, lambda: worker.state is State.RUNNING)
    now[0] += 3600
    worker.tick()
    assert not ears.over and worker.state is State.RUNNING
    worker.release()


def stuck_worker():
    """A process that says hello and nothing more, and a clock that the test moves."""
    hello = encode("ready", version=1, program="", python="", pid=0)
    script = f"import sys, time; sys.stdout.buffer.write({hello!r}); sys.stdout.flush(); time.sleep(600)"
    channel, now = Pipes((sys.executable, "-c", script)), [0.0]
    channel.client = Client(channel, lambda: now[0])
    return channel.client, now


@pytest.mark.parametrize(
    ("spoil", "code", "text"),
    [
        (lambda model: (model / "weights.pt").write_bytes(b"no weights"), Code.MODEL, "do not match their checksum"),
        (lambda model: (model / "weights.pt").unlink(), Code.MODEL, "are missing"),
        (lambda model: (model / "manifest.json").write_text("{}", encoding="utf-8"), Code.MODEL, "manifest"),
    ],
)
def test_a_bad_model_is_told_in_a_sentence(worker, volume, write_model, tmp_path, spoil, code, text, temporary):
    model = write_model(tmp_path / "model", "stack").folder
    spoil(model)
    ears = run(worker, request(volume, model))
    assert ears.code is code and text in ears.text and "\n" not in ears.text
    assert not any(temporary.iterdir())


def test_bad_input_and_a_missing_device_are_told_with_their_codes(worker, volume, tiny_model):
    unusable = np.full(volume.shape, np.nan, np.float32)
    ears = run(worker, request(unusable, tiny_model))
    assert ears.code is Code.INPUT and "heart" in ears.text
    asked = Request(volume, Geometry(volume.shape, GRID), Path(tiny_model), device="cuda:99", name="heart")
    ears = run(worker, asked)
    assert ears.code is Code.DEVICE and "cuda:99" in ears.text
    assert run(worker, request(volume, tiny_model)).labels is not None  # neither ends the worker


def test_a_full_disk_on_the_way_in_is_told_and_nothing_is_left(worker, volume, tiny_model, temporary, monkeypatch):
    def full(self):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(client_module._Run, "copy_a_piece", full)
    ears = run(worker, request(volume, tiny_model))
    assert ears.code is Code.OUTPUT and "No space left on device" in ears.text
    assert not any(temporary.iterdir())


def test_a_large_volume_is_handed_over_in_short_turns(worker, tiny_model, monkeypatch):
    monkeypatch.setattr(client_module, "_PIECE", 50_000)
    volume = np.asfortranarray(np.random.default_rng(0).normal(size=(12, 40, 40)).astype(np.float32))
    ears = Ears()
    worker.segment(request(volume, tiny_model), ears)
    turns = 0
    while worker.copying:
        worker.tick()
        turns += 1
    assert turns == 2  # 7 slices of 6400 bytes a turn
    wait(worker, lambda: ears.over)
    assert ears.labels is not None


def test_release_ends_the_process_and_a_run_with_it(worker, volume, tiny_model, temporary):
    run(worker, request(volume, tiny_model))
    worker.release()
    wait(worker, lambda: worker.state is State.OFF)
    assert worker._channel.process.wait() == 0
    ears = Ears()
    ears.act = lambda done, total: worker.release()
    worker.segment(request(volume, tiny_model, parameters=Parameters(batch_size=1)), ears)
    wait(worker, lambda: worker.state is State.OFF)
    assert ears.code is Code.CANCELLED and not any(temporary.iterdir())


def test_a_run_that_is_asked_for_while_the_process_ends_gets_a_new_one(worker, volume, tiny_model):
    run(worker, request(volume, tiny_model))
    first = worker.about["pid"]
    worker.release()
    assert run(worker, request(volume, tiny_model)).labels is not None
    assert worker.about["pid"] != first


def test_a_worker_whose_slicer_has_gone_in_a_run_removes_the_patients_image(volume, tiny_model, temporary):
    channel = Pipes()
    channel.client = Client(channel)
    ears = Ears()
    ears.act = lambda done, total: channel.process.stdin.close()  # what a dead Slicer does to it
    channel.client.segment(request(volume, tiny_model, parameters=Parameters(batch_size=1)), ears)
    wait(channel.client, lambda: ears.steps)
    assert channel.process.wait(30) == 0
    assert not any(temporary.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="an open file keeps its name on Windows")
def test_no_name_leads_to_the_patients_image_while_the_network_works(worker, volume, tiny_model, temporary):
    ears, seen = Ears(), []
    ears.act = lambda done, total: seen.append(sorted(path.name for path in temporary.rglob("*") if path.is_file()))
    worker.segment(request(volume, tiny_model, parameters=Parameters(batch_size=1)), ears)
    wait(worker, lambda: ears.over)
    assert ears.labels is not None and seen and all("volume" not in names for names in seen)


def test_a_worker_whose_slicer_was_killed_while_it_handed_the_volume_over_removes_it(temporary):
    slicer = (
        "import os, subprocess, sys, numpy as np; from pathlib import Path;"
        "from DINSegmentLib.geometry import Geometry; from DINSegmentLib.worker import client;"
        "worker = subprocess.Popen([sys.executable, '-m', 'DINSegmentLib.worker.server'], stdin=subprocess.PIPE);"
        "r = client.Request(np.zeros((2, 2, 2)), Geometry((2, 2, 2), np.eye(4)), Path());"
        "client._Run(1, r, None).copy_a_piece(); print(worker.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen([sys.executable, "-c", slicer], env=environment, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
    end = time.monotonic() + 30
    while any(temporary.iterdir()):
        assert time.monotonic() < end, "the patient's image stays"
        time.sleep(0.1)


def test_what_a_crash_has_left_is_swept_at_the_next_start(temporary):
    crash = (
        "import os, sys, numpy as np; from pathlib import Path; from DINSegmentLib.geometry import Geometry;"
        "from DINSegmentLib.worker import client;"
        "r = client.Request(np.zeros((2, 2, 2)), Geometry((2, 2, 2), np.eye(4)), Path());"
        "client._Run(1, r, None).copy_a_piece(); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", crash], env={**os.environ, "TMPDIR": str(temporary)})
    (left,) = temporary.iterdir()
    assert (left / "volume").stat().st_size == 64
    copied = temporary / "DINSegment-copy"
    shutil.copytree(left, copied)
    Client(Pipes())
    assert list(temporary.iterdir()) == [copied]


def test_starting_the_client_removes_nothing_that_no_run_made(temporary, worker, volume, tiny_model):
    for name in ("DINSegment-0.1.0", "DINSegment-results"):
        (temporary / name).mkdir()
        (temporary / name / "heart.seg.nrrd").write_text("mine", encoding="utf-8")
        os.utime(temporary / name, (time.time() - 200_000,) * 2)
    (temporary / "DINSegment-link").symlink_to(temporary / "DINSegment-results")
    worker.segment(request(volume, tiny_model), Ears())  # a run of a living process has a folder, too
    before = sorted(temporary.rglob("*"))
    Client(Pipes())
    assert sorted(temporary.rglob("*")) == before
    worker.cancel()


def test_missing_torch_is_told_with_its_code(volume, tiny_model, temporary, tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('no torch here')", encoding="utf-8")
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from DINSegmentLib.worker.server import main; main([])"
    )
    channel = Pipes((sys.executable, "-c", script))
    channel.client = Client(channel)
    ears = run(channel.client, request(volume, tiny_model))
    assert ears.code is Code.TORCH and "Install PyTorch" in ears.text
    channel.process.kill()


def test_devices_come_with_their_reasons(worker):
    found = []
    worker.on_devices = found.extend
    worker.ask_for_devices()
    wait(worker, lambda: found)
    assert found[0]["reason"].startswith(("Auto: ", "CUDA device"))
    assert found[-1]["name"] == "cpu"


def measure(client, asked):
    ears = Ears()
    client.measure(asked, ears)
    wait(client, lambda: ears.over)
    return ears


def test_edited_labels_are_measured_without_torch_and_nothing_is_left(worker, volume, tiny_model, temporary):
    labels = np.zeros(volume.shape, np.uint8)
    labels[:2, :10, :8] = 1  # 160 voxels of 1.5 x 1.5 x 10 mm: 3.6 ml
    ears = measure(worker, Measurement(labels, volume, Geometry(volume.shape, GRID), Path(tiny_model)))
    first, *others = ears.story["statistics"]
    assert first["volume_ml"] == pytest.approx(3.6) and first["mean"] == pytest.approx(volume[:2, :10, :8].mean())
    assert [one["volume_ml"] for one in others] == [0, 0]
    assert not any(temporary.iterdir()) and worker.state is State.READY
    modules = Path(f"/proc/{worker.about['pid']}/maps")
    assert not modules.exists() or "libtorch" not in modules.read_text(encoding="utf-8")


def test_the_function_of_edited_frames_is_measured_from_labels_alone(worker, temporary):
    labels = np.zeros((2, 6, 64, 48), np.uint8)
    labels[0, :, :20, :20], labels[1, :, :20, :10] = 3, 3  # left ventricle: 2400 and 1200 voxels of 22.5 mm^3
    model = find_model("cardiac-mr")
    ears = measure(worker, Measurement(labels, None, Geometry(labels.shape[1:], GRID), model.folder))
    assert [row["lv_ml"] for row in ears.story["function"].curve()] == pytest.approx([54.0, 27.0])
    assert not any(temporary.iterdir())
