"""Debian's Orthanc as a test archive: on a free port, with TLS by a certificate made here."""

import datetime
import ipaddress
import json
import select
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

ORTHANC = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
PLUGIN = next((str(p) for p in map(Path, ("/usr/share/orthanc/plugins/libOrthancDicomWeb.so",)) if p.is_file()), "")
USER, PASSWORD = "engineer", "a test password"
ENDING = 20  # seconds that it may take to end


def certificate(folder: Path) -> Path:
    """A self-signed certificate of this machine with its key, as one PEM file; beside it ``ca.pem`` without the key."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    public = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    (folder / "ca.pem").write_bytes(public)
    (folder / "server.pem").write_bytes(secret + public)
    return folder / "server.pem"


class Tunnel(socketserver.ThreadingTCPServer):
    """TLS on one port of this machine for a server that speaks plain HTTP on another.

    As archives have a web server in front of them; the TLS of Debian's Orthanc 1.10.1 itself ends with a segmentation
    fault at the first question.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, inner: int, pem: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Forward)
        self.inner, self.context = inner, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pem)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self) -> int:
        return self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that refuses our certificate, or a server that is stopped


class _Forward(socketserver.BaseRequestHandler):
    server: Tunnel

    def handle(self) -> None:
        with (
            self.server.context.wrap_socket(self.request, server_side=True) as outer,
            socket.create_connection(("127.0.0.1", self.server.inner), timeout=60) as inner,
        ):
            while True:
                ready = [outer] if outer.pending() else select.select([outer, inner], [], [], 60)[0]
                for source, target in ((outer, inner), (inner, outer)):
                    if source in ready:
                        if not (data := source.recv(1 << 16)):
                            return
                        target.sendall(data)
                if not ready:
                    return


@dataclass
class Orthanc:
    """A server of its own folder; its folder survives `stop`."""

    folder: Path
    changes: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen | None = None

    def __post_init__(self) -> None:
        (self.folder / "store").mkdir(parents=True)
        self.inner = free_port()
        self.tunnel = Tunnel(self.inner, certificate(self.folder))

    @property
    def port(self) -> int:
        return self.tunnel.port

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/dicom-web"

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def start(self) -> "Orthanc":
        settings = {
            "StorageDirectory": str(self.folder / "store"), "IndexDirectory": str(self.folder / "store"),
            "HttpPort": self.inner, "DicomServerEnabled": False, "RemoteAccessAllowed": False,
            "AuthenticationEnabled": True,
            "RegisteredUsers": {USER: PASSWORD}, "Plugins": [PLUGIN], "HttpThreadsCount": 4,
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "EnableWado": False}, **self.changes,
        }  # fmt: skip
        (self.folder / "orthanc.json").write_text(json.dumps(settings), encoding="utf-8")
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([ORTHANC, str(self.folder / "orthanc.json")], stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if self.ask("system").ok:
                    return self
            except requests.ConnectionError:
                assert self.process.poll() is None, (self.folder / "log").read_text(encoding="utf-8", errors="replace")
                time.sleep(0.1)
        raise AssertionError("Orthanc does not answer")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(ENDING)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def ask(self, path: str, **how: Any) -> requests.Response:
        """By Orthanc's own interface, not by DICOMweb."""
        address = f"https://localhost:{self.port}/{path}"
        return requests.request(
            how.pop("method", "GET"), address, auth=(USER, PASSWORD), verify=str(self.ca), timeout=30, **how
        )

    def put(self, folder: Path) -> None:
        for path in sorted(folder.rglob("*.dcm")):
            assert self.ask("instances", method="POST", data=path.read_bytes()).ok

    def held(self) -> dict[str, list[str]]:
        """UIDs of all instances except MR images, by modality."""
        found: dict[str, list[str]] = {}
        for series in self.ask("series?expand").json():
            modality = series["MainDicomTags"]["Modality"]
            if modality != "MR":
                instances = self.ask(f"series/{series['ID']}/instances").json()
                found.setdefault(modality, []).extend(one["MainDicomTags"]["SOPInstanceUID"] for one in instances)
        return found

    def file(self, sop_instance: str) -> Path:
        (uid,) = self.ask("tools/lookup", method="POST", data=sop_instance).json()
        path = self.folder / f"{sop_instance}.dcm"
        path.write_bytes(self.ask(f"instances/{uid['ID']}/file").content)
        return path


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def until(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Wait for a condition.

    Raises:
        AssertionError: it did not come true.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def header(study: str, series: str, instance: str, number: int, description: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = MRImageStorage, instance
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    values = {
        "SOPClassUID": MRImageStorage, "SOPInstanceUID": instance, "StudyInstanceUID": study,
        "SeriesInstanceUID": series, "FrameOfReferenceUID": f"{study}.9", "Modality": "MR", "SeriesNumber": number,
        "SeriesDescription": description, "PatientName": "Phantom^Heart", "PatientID": "42", "PatientSex": "O",
        "PatientBirthDate": "19700101", "StudyDate": "20260102", "StudyTime": "101112", "StudyID": "1",
        "AccessionNumber": "1", "ReferringPhysicianName": "", "PositionReferenceIndicator": "",
        "ImageType": ["ORIGINAL", "PRIMARY", "M"], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "SliceThickness": "8",
        "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": 16, "BitsStored": 16,
        "HighBit": 15, "PixelRepresentation": 1,
    }  # fmt: skip
    for name, value in values.items():
        setattr(data, name, value)
    return data
