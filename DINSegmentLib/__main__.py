"""Run the command `dinsegment` as `python -m DINSegmentLib`."""

from .cli import program

if __name__ == "__main__":
    program()
