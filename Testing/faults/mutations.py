"""Damaged headers: each mutation is determined by its seed."""

import random
import re
import struct

_NASTY = tuple(b"nan|-1|0||1e308|99999999999|-0.0|inf|3 3 3|\xff\xfe|(1,0,0)|none|../x".split(b"|"))
_NUMBERS = (0, 1, -1, 7, 255, 256, 32767, -32768, 2**31 - 1, -(2**31))


def mutate(content: bytes, seed: int, header: int) -> bytes:
    """A file with one to three faults.

    Args:
        content: the good file.
        seed: which mutation.
        header: faults are made within so many bytes from the start, but for a file cut short.
    """
    dice = random.Random(seed)
    for _ in range(dice.randint(1, 3)):
        header = min(header, len(content))
        if header < 8:
            break
        content = dice.choice(_FAULTS)(dice, content, header)
    return content


def _flip(dice: random.Random, content: bytes, header: int) -> bytes:
    changed = bytearray(content)
    for _ in range(dice.choice((1, 2, 8))):
        changed[dice.randrange(header)] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _number(dice: random.Random, content: bytes, header: int) -> bytes:
    form = dice.choice(("<h", "<i", "<f", ">h", ">i", ">f"))
    value = dice.choice(_NUMBERS)
    if form[1] == "h":
        value = max(-32768, min(32767, value))
    if form[1] == "f":
        value = dice.choice((float(value), float("nan"), float("inf"), 1e38, 1e-38))
    packed = struct.pack(form, value)
    place = dice.randrange(header - len(packed)) & ~1
    return content[:place] + packed + content[place + len(packed) :]


def _remove(dice: random.Random, content: bytes, header: int) -> bytes:
    place = dice.randrange(header)
    return content[:place] + content[place + dice.choice((1, 2, 4, 16)) :]


def _insert(dice: random.Random, content: bytes, header: int) -> bytes:
    place = dice.randrange(header)
    return content[:place] + dice.randbytes(dice.choice((1, 2, 4, 16))) + content[place:]


def _repeat(dice: random.Random, content: bytes, header: int) -> bytes:
    place, length = dice.randrange(header), dice.choice((4, 8, 32))
    return content[:place] + content[place : place + length] + content[place:]


def _cut(dice: random.Random, content: bytes, header: int) -> bytes:
    return content[: dice.choice((dice.randrange(header), dice.randrange(len(content))))]


def _word(dice: random.Random, content: bytes, header: int) -> bytes:
    """Another value in place of a number or a word in the header's text."""
    words = list(re.finditer(rb"[-+.\w]+", content[:header]))
    word = dice.choice(words) if words else None
    return content[: word.start()] + dice.choice(_NASTY) + content[word.end() :] if word else content


_FAULTS = (_flip, _flip, _number, _number, _remove, _insert, _repeat, _cut, _word, _word)
