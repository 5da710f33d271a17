"""Watching of an archive for new studies."""

import time
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import parse_qsl

from ..errors import InputError
from .connection import Archive
from .journal import Journal


def filters(query: str) -> dict[str, str]:
    """Parse the attributes of a QIDO query such as ``ModalitiesInStudy=MR&StudyDate=20260101-``.

    Raises:
        InputError: the query is invalid.
    """
    try:
        pairs = parse_qsl(query.strip().removeprefix("?"), strict_parsing=True)
    except ValueError as error:
        raise InputError(f'"{query}" is not a query: write ATTRIBUTE=VALUE, joined by &.') from error
    return dict(pairs)


def watch(
    archive: Archive, query: Mapping[str, str], journal: Journal, asked: str, stop: Callable[[], bool],
    interval: float = 60.0, sleep: Callable[[float], None] = time.sleep,
) -> Iterator[str]:  # fmt: skip
    """Yield UIDs of complete studies that are not in the journal, until ``stop`` returns True.

    A study is complete when two polls find the same number of instances; if it has grown since, it is yielded again.

    Args:
        query: see `filters`.
        asked: see `Entry`.
        interval: seconds between polls.
    """
    before: dict[str, int] = {}
    while not stop():
        now = {
            str(one.StudyInstanceUID): int(one.get("NumberOfStudyRelatedInstances") or 0)
            for one in archive.studies(query)
        }
        for study, count in now.items():
            if stop():
                return
            entry = journal.find(study, asked)
            if before.get(study) == count and not (entry and entry.covers(count)):
                yield study
        before = now
        waited = 0.0
        while waited < interval and not stop():
            sleep(min(1.0, interval - waited))
            waited += 1.0
