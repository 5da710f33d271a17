"""How the threads of a program of ours wait for each other."""

import os


def wait_asleep() -> None:
    """Let threads sleep that wait for the others of a layer; ``OMP_WAIT_POLICY``, where the user sets it, has the word.

    By themselves OpenMP's threads spin for some milliseconds, and on a machine that does something else, too, they take
    the core from the very thread that they wait for: on two cores with other work now and then, `dinsegment segment` of
    12 hearts took 7 to 46 s so, 7 to 9 s asleep; with both cores free about 7 s either way, asleep with 20 % less of
    the processor's time. OpenMP reads it when torch is loaded: it is for programs to call at their start, and holds for
    what they start.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
