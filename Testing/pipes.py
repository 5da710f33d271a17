"""The worker process with plain pipes, for tests of its client."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from DINSegmentLib.geometry import Geometry
from DINSegmentLib.worker.client import Request

SERVER = (sys.executable, "-m", "DINSegmentLib.worker.server")
GRID = np.diag([-1.5, -1.5, 10.0, 1.0])


class Pipes:
    """A channel of plain pipes; ``pump`` hands over what has come, on the caller's thread."""

    def __init__(self, command=SERVER):
        self.command, self.process, self.client, self.arrived = command, None, None, []

    def start(self):
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        threading.Thread(target=self._listen, args=(self.process,), daemon=True).start()

    def _listen(self, process):
        for line in process.stdout:
            self.arrived.append(line)
        self.arrived.append(process.wait())

    def pump(self):
        while self.arrived:
            one = self.arrived.pop(0)
            if isinstance(one, bytes):
                self.client.received(one)
            else:
                self.client.ended(one, one < 0)

    def write(self, data):
        try:
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except OSError:
            pass  # `ended` reports its end

    def close(self):
        self.process.stdin.close()

    def kill(self):
        self.process.kill()


class Ears:
    """A listener that remembers."""

    def __init__(self):
        self.warm = self.labels = self.story = self.code = self.text = None
        self.steps = []
        self.act = lambda done, total: None

    def loading(self, warm):
        self.warm = warm

    def progressed(self, done, total):
        self.steps.append((done, total))
        self.act(done, total)

    def finished(self, labels, story):
        self.labels, self.story = labels, story

    def failed(self, code, text):
        self.code, self.text = code, text

    @property
    def over(self):
        return self.code is not None or self.labels is not None


def request(volume, model, **more):
    return Request(volume, Geometry(volume.shape, GRID), Path(model), device="cpu", name="heart", **more)


def wait(client, until, seconds=60.0):
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "it takes too long"
        client.tick()
        client._channel.pump()
        time.sleep(0 if client.copying else 0.002)


def run(client, asked):
    ears = Ears()
    client.segment(asked, ears)
    wait(client, lambda: ears.over)
    return ears
