"""Connection to a DICOMweb archive: search (QIDO), fetch (WADO) and store (STOW), with credentials, TLS and retries."""

import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pydicom
import requests
from dicomweb_client import DICOMwebClient
from pydicom.dataset import Dataset

from ..errors import ArchiveDenied, ArchiveError, Cancelled, InputError
from ..io import outputs

T = TypeVar("T")

USER, PASSWORD, TOKEN = "DINSEGMENT_DICOMWEB_USER", "DINSEGMENT_DICOMWEB_PASSWORD", "DINSEGMENT_DICOMWEB_TOKEN"
PATIENCE = 600.0
"""Seconds for which a request is retried while the archive does not respond."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_BUSY = (408, 429, 502, 503, 504)  # HTTP statuses after which a retry may succeed
_LONGEST_PAUSE = 60.0
_PAGE = 200  # results asked for in one response
_FAILED = "FailedSOPSequence"
_OUT_OF_RESOURCES = range(0xA700, 0xA800)  # PS3.4, B.2.3: the archive is out of resources


@dataclass(frozen=True)
class Credentials:
    """A user name and password, or a token; None if not used."""

    user: str | None = None
    password: str | None = None
    token: str | None = None

    def __repr__(self) -> str:
        return "Credentials(...)"  # must not appear in logs


def read_credentials(file: Path | None, environment: Mapping[str, str] = os.environ) -> Credentials:
    """Read credentials from a file or, without one, from the environment.

    The file has one line, ``user:password`` or ``Bearer token``, and must be readable only by its owner.

    Raises:
        InputError: the file cannot be used.
    """
    if file is None:
        return Credentials(environment.get(USER), environment.get(PASSWORD), environment.get(TOKEN))
    try:
        if os.name != "nt" and stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise InputError(f"{file} can be read by others: protect it with chmod 600 {file}.")
        line = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8'}).") from error
    kind, _, rest = line.partition(" ")
    if kind.lower() == "bearer" and rest and "\n" not in rest:
        return Credentials(token=rest.strip())
    user, colon, password = line.partition(":")
    if not (user and colon) or "\n" in line:
        raise InputError(f"{file} does not hold credentials: write one line, user:password or Bearer TOKEN.")
    return Credentials(user, password)


class Archive:
    """A DICOMweb service.

    Args:
        url: base URL, such as ``https://host/dicom-web``.
        credentials: sent with each request, but only over TLS or to this machine.
        ca_bundle: certificates to trust instead of the public ones.
        patience: seconds for which a request is retried while the archive does not respond.
        report: called with a sentence before each wait for the archive.

    Raises:
        InputError: the address or ``ca_bundle`` cannot be used, or credentials would not be encrypted.
    """

    def __init__(
        self, url: str, credentials: Credentials, ca_bundle: Path | None = None, patience: float = PATIENCE,
        report: Callable[[str], None] = lambda text: None,
    ) -> None:  # fmt: skip
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"{url} is not the address of a DICOMweb service: use one such as https://host/dicom-web.")
        if parts.username or parts.password:
            raise InputError(f"The address of {parts.hostname} holds credentials: use {USER} and {PASSWORD} instead.")
        secret = credentials.user or credentials.token
        if parts.scheme == "http" and secret and parts.hostname not in _LOOPBACK:
            raise InputError(f"{url} is not encrypted, so credentials could be read in transit: use https.")
        session = requests.Session()
        if credentials.token:
            session.headers["Authorization"] = f"Bearer {credentials.token}"
        elif credentials.user is not None:
            session.auth = (credentials.user, credentials.password or "")
        session.trust_env = False  # the environment and .netrc must not change certificates or proxies
        if ca_bundle is not None:
            if not ca_bundle.is_file():
                raise InputError(f"{ca_bundle} does not exist: name the file with the archive's CA certificate.")
            session.verify = str(ca_bundle)
        self.url, self._patience, self._report = url.rstrip("/"), patience, report
        self.stop: Callable[[], bool] = lambda: False
        """Called while waiting for the archive; True ends the wait with `Cancelled`."""
        self._client = DICOMwebClient(self.url, session=session, timeout=(10, 120))
        self._client.set_http_retry_params(retry=False)

    def studies(self, filters: Mapping[str, str]) -> list[Dataset]:
        """Find matching studies, with their UID and number of instances."""
        return self._pages(
            "search for studies", "StudyInstanceUID", self._client.search_for_studies, search_filters=dict(filters),
            fields=["StudyInstanceUID", "NumberOfStudyRelatedInstances"],
        )  # fmt: skip

    def count(self, study: str) -> int:
        """Number of instances of a study; 0 if it is not found."""
        return sum(
            int(one.get("NumberOfStudyRelatedInstances") or 0) for one in self.studies({"StudyInstanceUID": study})
        )

    def series(self, study: str) -> list[Dataset]:
        """Find the series of a study: UID, number, modality and number of instances."""
        return self._pages(
            f"search study {study}", "SeriesInstanceUID", self._client.search_for_series, study_instance_uid=study,
            fields=["SeriesInstanceUID", "SeriesNumber", "Modality", "NumberOfSeriesRelatedInstances"],
        )  # fmt: skip

    def instances(self, study: str, series: str) -> set[str]:
        """Find the UIDs of the instances of a series."""
        found = self._pages(
            f"search series {series}", "SOPInstanceUID", self._client.search_for_instances, study_instance_uid=study,
            series_instance_uid=series, fields=["SOPInstanceUID"],
        )  # fmt: skip
        return {str(one.SOPInstanceUID) for one in found}

    def headers(self, study: str, series: str) -> list[Dataset]:
        """Fetch the headers of all instances of a series, without pixels."""
        what = f"headers of series {series}"
        found = self._ask(what, lambda: self._client.retrieve_series_metadata(study, series))
        return [_header(one) for one in found]

    def fetch(self, study: str, series: str, instances: Iterable[str], folder: Path) -> None:
        """Fetch instances into files named by UID; existing files are kept, and no file is ever partial.

        Raises:
            ArchiveError: the archive does not send an instance.
            OutputError: a file cannot be written.
        """
        wanted = list(instances)
        for uid in (study, series, *wanted):
            check_uid(uid)
        with outputs.writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        everything = (("application/dicom", "*"),)

        def whole_series() -> None:
            for data in self._client.iter_series(study, series, media_types=everything):
                if str(data.SOPInstanceUID) in wanted:
                    _save(data, folder)

        def one(uid: str) -> None:
            _save(self._client.retrieve_instance(study, series, uid, media_types=everything), folder)

        if not any((folder / f"{uid}.dcm").exists() for uid in wanted):
            try:
                self._ask(f"fetch series {series}", whole_series, patient=False)
            except _NoAnswer:
                pass  # keep what has arrived, and fetch the rest one by one
        for uid in wanted:
            if not (folder / f"{uid}.dcm").exists():
                self._ask(f"fetch instance {uid}", partial(one, uid))

    def store(self, files: Sequence[Path]) -> int:
        """Store the DICOM files that the archive does not have, and verify that it then has them.

        Returns:
            the number of files stored.

        Raises:
            ArchiveError: the archive does not accept a file.
        """
        stored = 0
        for path in files:
            data = pydicom.dcmread(path)
            study, series, uid = (str(data[name].value) for name in _PLACE)
            if uid in self.instances(study, series):
                continue
            answer = self._ask(f"store {path.name}", partial(self._client.store_instances, [data]))
            self._check_stored(answer, path.name)
            if uid not in self.instances(study, series):
                raise ArchiveError(self._full(path.name))  # Orthanc then rejects objects without a reason
            stored += 1
        return stored

    def _check_stored(self, answer: Dataset, name: str) -> None:
        for one in answer.get(_FAILED) or ():
            reason = int(one.get("FailureReason") or 0)
            raise ArchiveError(self._full(name) if reason in _OUT_OF_RESOURCES else self._not_taken(name, hex(reason)))

    def _full(self, name: str) -> str:
        return f"{self.url} did not keep {name}, probably because it is full: free space there, and re-run to resume."

    def _not_taken(self, name: str, reason: str) -> str:
        return f"{self.url} did not accept {name} ({reason}): check the archive's log, and re-run to store it."

    def _pages(self, what: str, uid: str, search: Callable[..., list[dict]], **how: Any) -> list[Dataset]:
        """Search until a page brings no new ``uid``: archives may send shorter pages, or ignore the offset."""
        found: dict[str, Dataset] = {}

        def page() -> dict[str, Dataset]:
            answers = map(Dataset.from_json, search(limit=_PAGE, offset=len(found), **how))
            return {str(one[uid].value): one for one in answers}

        while not (answer := self._ask(what, page)).keys() <= found.keys():
            found |= answer
        return list(found.values())

    def _ask(self, what: str, question: Callable[[], T], patient: bool = True) -> T:
        """Send a request, and retry it until the archive responds.

        Raises:
            ArchiveDenied: the archive rejects the credentials, or its certificate is not trusted.
        ArchiveError: the archive refuses for another reason, or did not respond for too long.
            Cancelled: `stop` returned True.
        """
        begun, pause = time.monotonic(), 1.0
        while True:
            try:
                return question()
            except requests.exceptions.SSLError as error:
                raise ArchiveDenied(
                    f"The TLS certificate of {self.url} is not trusted ({_cause(error)}): "
                    "check the address, or provide the archive's CA certificate with --ca-bundle."
                ) from error
            except requests.HTTPError as error:
                status = error.response.status_code if error.response is not None else 0
                if status not in _BUSY:
                    raise self._refusal(status, what) from error
                fault = f"answers {status}"
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
                fault = "does not answer"
            except (ValueError, KeyError, AttributeError, TypeError, pydicom.errors.InvalidDicomError) as error:
                raise ArchiveError(
                    f"{self.url} does not answer as a DICOMweb service ({what}): check the address."
                ) from error
            if not patient:
                raise _NoAnswer
            if time.monotonic() - begun + pause > self._patience:
                raise ArchiveError(f"{self.url} {fault} ({what}): check that it runs, and re-run to resume.")
            self._report(f"{self.url} {fault}: retrying in {pause:.0f} s.")
            until = time.monotonic() + pause
            while (left := until - time.monotonic()) > 0:
                if self.stop():
                    raise Cancelled
                time.sleep(min(0.5, left))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _refusal(self, status: int, what: str) -> ArchiveError:
        if status in (401, 403):
            return ArchiveDenied(
                f"{self.url} rejects these credentials ({status}): "
                f"check {USER} and {PASSWORD}, {TOKEN}, or the file of --credentials."
            )
        if status == 404:
            return ArchiveError(f"{self.url} does not have the requested item ({what}): check the address and the UID.")
        if status in (413, 507):
            return ArchiveError(f"{self.url} has no space left ({what}): free space there, and re-run to resume.")
        return ArchiveError(f"{self.url} answers {status} ({what}): check the archive's log, and re-run to resume.")


_PLACE = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")


class _NoAnswer(Exception):
    """A request that must not be retried unchanged got no response."""


def _cause(error: Exception) -> str:
    """Briefly describe why TLS failed."""
    text = " ".join(str(error).split())
    found = re.search(r"(certificate verify failed: [^(\]']+|hostname '[^']+' doesn't match [^)]+)", text)
    return found[1].strip() if found else "TLS failed"


def check_uid(uid: str) -> None:
    if not re.fullmatch(r"[0-9][0-9.]{0,63}", uid) or ".." in uid:
        raise ArchiveError(f'"{ascii(uid)[1:-1]}" is not a DICOM UID: check the UID, or the archive.')


def _save(data: Dataset, folder: Path) -> None:
    """Write a file atomically."""
    uid = str(data.SOPInstanceUID)
    check_uid(uid)
    part = folder / f"{uid}.part"
    with outputs.writing(part):
        pydicom.dcmwrite(part, data)
        part.replace(folder / f"{uid}.dcm")


def _header(values: dict[str, Any]) -> Dataset:
    """Create a header from DICOM JSON, without bulk data."""
    return Dataset.from_json({tag: one for tag, one in values.items() if "BulkDataURI" not in one})
