"""Retired phrases and British spelling stay out of what people read: messages, help, panel, reports and documents."""

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON = ("DINSegmentLib/", "DINSegment/")
NEVER_READ = ("CHANGELOG.md", "LICENSE.txt")
DESCRIPTIONS_OF_SCANNERS = "DINSegmentLib/inputs/study.py"  # its patterns are words of many languages

RETIRED = {  # pattern: what to write
    r"\btell(s|ing)?\b|\btold\b": "report, print, show, list, distinguish",
    r"(?<!there )\b(is|are|was|were) no (?!longer\b)": "is not a, is invalid, out of range",
    r"\bleav(e|es|ing) (--)?\w+ (away|out)\b": "omit, remove",
    r"\bonce more\b|\banew\b": "again, repeat, reproduce",
    r"\bdoubts?\b|\bdoubtful\b(?!_)|\bunsure\b": "uncertain, low confidence",
    r"\bwithheld\b": "not reported; of data: held-out",
    r"\bemptied\b": "labels removed from",
    r"\bby a click\b|\ba click (on|goes)\b": "click X to",
    r"\bno person's\b|\bone voxel thin\b|\bno number any more\b": "out of range, has only one slice, NaN or infinite",
    r"\bask(s|ed)? for it\b": "requires it, requested",
    r"\bpass(ed|es)? over\b": "skip",
    r"\bgo(es)? on where\b|\bto go on\b|\bwent on\b": "resume, continue",
    r"\blook (at|whether|closely)\b|\blooks at\b": "check, review, inspect",
    r"\bwhole or not at all\b|\bpolite kill\b": "completely or not at all, SIGTERM",
    r"\bdamaged or no\b|\bno permission\b": "is not a valid, permission denied",
    r"\b(of|by) (ours|yours)\b": "your own; bundled",
    r"\bby body surface\b(?! area)": "indexed to body surface area",
    r"\bvoxels in doubt\b|\bwhich image decided\b|\breview these slices\b": "expected errors, attribution map, review",
    r"\bhash ids\b": "pseudonymous IDs",
    r"\bstand-in desk\b|\bfunction of the heart\b|\bSimpson's sum\b": "simulated Slicer interface, cardiac function",
    r"\bwhat is there\b|\bis done once\b": "what exists",
    r"\b\d+ %": "no blank before %",
    r"pip install '?dinsegment": "the package index has no such project, and whoever takes the name would be installed",
}
BRITISH = re.compile(
    r"\b(?:(?:colour|grey|centre|licence|neighbour|behaviour|favour|tumour|artefact|fibre|catalogue|whilst|learnt|"
    r"anaesth|haem|oesoph|paediatr)\w*|(?:re|un)?label(?:led|ling)|cancelled|modell(?:ing|ed)|travelling|"
    r"(?:kilo|milli|centi|micro)?metres?|(?:milli)?litres?|"
    r"(?:de)?(?:normal|organ|recogn|regular|initial|optim|standard|summar|visual)is(?:e|ed|es|ing|ation)|"
    r"analys(?:e|ed|ing))\b",
    re.IGNORECASE,
)
NAMES = {
    "neighbours",
    "neighbour_distance",
    "licence",
    "cancelled",
    "Cancelled",
    "catalogue",
    "millimetre",
}  # of fields and functions


def tracked(*endings: str) -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, encoding="utf-8", check=True)
    return [name for name in listed.stdout.splitlines() if name.endswith(endings)]


def messages(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each string of two words or more that is not a docstring; placeholders become ``{}``."""
    tree = ast.parse(source)
    silent = {
        id(part)
        for node in ast.walk(tree)
        for part in (
            [node.value] if isinstance(node, ast.Expr) else node.values if isinstance(node, ast.JoinedStr) else []
        )
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
            text = re.sub(r"\{[^{}]*\}", "{}", node.value)
        else:
            continue
        if " " in text.strip():
            yield node.lineno, text


def remarks(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each comment and each docstring."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def prose(text: str) -> Iterator[tuple[int, str]]:
    """Paragraphs of a document with the line that each begins at, without code, links and names."""
    text = re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)", lambda code: re.sub(r"[^\n]", " ", code[0]), text, flags=re.DOTALL)
    for block in re.finditer(r"(?:.+\n?)+", text):
        yield text.count("\n", 0, block.start()) + 1, block[0]


def panel_texts(text: str) -> Iterator[tuple[int, str]]:
    for found in re.finditer(r"<string>([^<]*)</string>", text):
        yield text.count("\n", 0, found.start()) + 1, found[1]


def page_texts(text: str) -> Iterator[tuple[int, str]]:
    """Texts of elements, and strings of scripts, that have two words or more."""
    for found in re.finditer(r">([^<>{}]*\w[^<>{}]*)<|[\"`]([^\"`\n]*\w [^\"`\n]*)[\"`]", text):
        yield text.count("\n", 0, found.start()) + 1, found[1] or found[2] or ""


def texts(name: str) -> Iterator[tuple[int, str]]:
    source = (REPOSITORY / name).read_text(encoding="utf-8")
    if name.endswith(".py"):
        if name != DESCRIPTIONS_OF_SCANNERS:
            yield from messages(source)
    else:
        yield from {".md": prose, ".ui": panel_texts}.get(Path(name).suffix, page_texts)(source)


ANY_RETIRED = re.compile("|".join(RETIRED), re.IGNORECASE)


def faults(text: str) -> list[str]:
    plain = re.sub(r"\s+", " ", text)
    found = british(text)
    if ANY_RETIRED.search(plain):
        hits = [(re.search(pattern, plain, re.IGNORECASE), better) for pattern, better in RETIRED.items()]
        found += [f'"{hit[0]}": write {better}' for hit, better in hits if hit]
    return found


def british(text: str) -> list[str]:
    plain = re.sub(r"`[^`]*`", "", text)
    return [
        f'"{hit[0]}": American spelling'
        for hit in BRITISH.finditer(plain)
        if hit[0] not in NAMES and "_" not in plain[max(0, hit.start() - 1) : hit.end() + 1]
    ]


READ = [
    name
    for name in tracked(".py", ".md", ".ui", ".html", ".js")
    if (not name.endswith(".py") or name.startswith(PYTHON))
    and name not in NEVER_READ
    and not name.startswith("Testing/")
]


@pytest.mark.parametrize("kind", ["py", "md", "ui", "html", "js"])
def test_no_text_for_people_has_a_retired_phrase(kind):
    read = [name for name in READ if name.endswith(f".{kind}")]
    assert read
    found = [f"{name}:{line}: {fault}" for name in read for line, text in texts(name) for fault in faults(text)]
    assert not found, "\n".join(found)


def test_comments_and_docstrings_are_spelled_as_in_america():
    found = [
        f"{name}:{line}: {fault}"
        for name in tracked(".py")
        if name.startswith(PYTHON)
        for line, text in remarks((REPOSITORY / name).read_text(encoding="utf-8"))
        for fault in british(text)
    ]
    assert not found, "\n".join(found)


def test_each_message_in_troubleshooting_is_one_that_the_program_prints():
    page = (REPOSITORY / "Documentation" / "troubleshooting.md").read_text(encoding="utf-8")
    cells = "".join(re.findall(r"^\| (.*?) \|", page, re.MULTILINE))
    quoted = [text.removeprefix("... ") for text in re.findall(r"`([^`]+)`", cells) if " " in text]
    sources = [(REPOSITORY / name).read_text(encoding="utf-8") for name in READ if name.endswith(".py")]
    printed = [text for source in sources for _, text in messages(source)]
    printed.append((REPOSITORY / "Makefile").read_text(encoding="utf-8"))

    assert len(quoted) > 10
    for text in quoted:
        text = text.removeprefix("make ")
        assert any(text in message or text.replace("3 ", "{} ") in message for message in printed), text


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ('raise InputError(f"A height of {cm} is no\\n person\'s: leave --height out.")', '"is no "'),
        ('add("--dry-run", help="only tell what would be done")', '"tell"'),
        ('_("The colour of %s")', '"colour"'),
        ('f"{share} of 32 % was withheld"', '"withheld"'),
    ],
)
def test_a_planted_phrase_is_found_in_a_message(text, phrase):
    assert any(phrase in fault for _, message in messages(text) for fault in faults(message))


def test_code_and_links_of_a_document_are_not_prose():
    text = "Set `licence`, see [the page](told.md).\n\n```sh\ntell colour\n```\n"
    assert not [fault for _, words in prose(text) for fault in faults(words)]
