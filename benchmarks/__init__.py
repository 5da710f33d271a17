"""Speed and memory, of a checkout alone: what `dinsegment bench` measures, and what it is compared with."""
