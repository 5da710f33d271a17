"""Watching of an archive for new studies."""

import time
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import parse_qsl

from ..errors import ArchiveDenied, ArchiveError, InputError
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
    report: Callable[[str], None], interval: float = 60.0, sleep: Callable[[float], None] = time.sleep,
) -> Iterator[str]:  # fmt: skip
    """Yield UIDs of complete studies that are not in the journal, until ``stop`` returns True.

    A study is complete when two polls find the same number of instances; if it has grown since, it is yielded again.

    Args:
        query: see `filters`.
        asked: see `Entry`.
        report: called with a sentence if a poll fails; the next one may succeed.
        interval: seconds between polls.

    Raises:
        ArchiveDenied: the archive rejects the credentials, or its certificate is not trusted.
    """
    before: dict[str, int] = {}
    while not stop():
        now = _poll(archive, query, lambda fault: report(f"{fault} The next search follows in {interval:g} s."))
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


def _poll(archive: Archive, query: Mapping[str, str], report: Callable[[str], None]) -> dict[str, int]:
    """Find the studies with their numbers of instances; none, with a report, if the archive fails."""
    try:
        found = archive.studies(query)
    except ArchiveDenied:
        raise
    except ArchiveError as error:
        report(str(error))
        return {}
    return {str(one.StudyInstanceUID): int(one.get("NumberOfStudyRelatedInstances") or 0) for one in found}
