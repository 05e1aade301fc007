"""A local server that speaks Kaggle's wire protocol, so that the real client can be tested, and made to suffer.

The client reaches it with ``KAGGLE_API_ENVIRONMENT=LOCALHOST`` and ``http_proxy`` set to :attr:`KaggleServer.url`.
"""

# ruff: noqa: N802 - methods are named after the endpoints that they answer
from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import os
import threading
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from outfold.hosts.retries import Patience
from outfold.progress import LineReporter

USER, KEY, TOKEN = "testuser", "k3y-that-must-not-leak", "KGAT_t0ken-that-must-not-leak"
SIGNATURE = "s1gnature-that-must-not-leak"
SLUG = "a-contest"


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


@dataclass
class Fault:
    """What the next request of a kind meets instead of an answer, or on top of it.

    Args:
        status: answer with this status and ``message``; nothing is done.
        headers: of that answer.
        cut: send so many bytes of the body, then close the connection.
        stall: send so many bytes of the body, then nothing, and keep the connection open.
        drop: close the connection: "before" the request is acted upon, or "after".
        no_length: send the body without Content-Length (cut it with ``cut``).
        lie: an answer of this body with status 200, as a portal that wants a log-in gives it.
        echo: the message holds the request's headers, its body and ``leaks`` in every spelling, and so do the headers.
    """

    status: int | None = None
    message: str = "no"
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    stall: int | None = None
    drop: str | None = None
    no_length: bool = False
    lie: bytes | None = None
    echo: bool = False


def spellings(secret: str) -> list[str]:
    """A secret as a server may give it back: plain, URL-encoded, inside base64, hexadecimal, escaped."""
    return [
        secret,
        quote(secret, safe=""),
        quote(quote(secret, safe="")),
        "".join(f"%{octet:02X}" for octet in secret.encode()),
        *(base64.b64encode(f"{before}{secret}{after}".encode()).decode() for before, after in BESIDE),
        *(base64.urlsafe_b64encode(f"{before}{secret}{after}".encode()).decode() for before, after in BESIDE),
        quote(base64.b64encode(f"{USER}:{secret}".encode()).decode(), safe=""),
        secret.encode().hex(),
        secret.encode().hex().upper(),
        "".join(f"\\u{ord(c):04x}" for c in secret),
        "".join(f"&#{ord(c)};" for c in secret),
        html.escape(secret),
        repr(f"Bearer {secret}\r\n".encode()),
    ]


BESIDE = [("", ""), (f"{USER}:", ""), ("a:", "\n"), ("ab:", "xy"), ("", "z")]


class KaggleServer:
    """A contest, its files and its submissions. Faults are queued by endpoint: a method's name, "blob" or "put"."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = dict(files)
        self.archive = zipped(files)
        self.archive_name = f"{SLUG}.zip"
        self.sizes = {name: len(data) for name, data in files.items()}
        self.page = 2
        self.numbered_pages = False
        self.submissions: list[dict[str, Any]] = []
        self.scored: dict[str, Any] = {"status": "COMPLETE", "publicScore": "0.75", "privateScore": ""}
        self.pending_for = 0
        self.longest_description = 500
        self.left = 5
        self.limits: dict[str, Any] | None = None
        self.uploads: dict[str, bytes] = {}
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.always: dict[str, Fault] = {}
        self.calls: list[tuple[str, dict[str, str], Any]] = []
        self.leaks: list[str] = []
        self.active = True
        self.closing = threading.Event()
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                server.handle(self)

            do_GET = do_PUT = do_POST  # noqa: N815 - the names that the base class looks for

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def suffer(self, endpoint: str, *faults: Fault) -> None:
        """The next requests of the endpoint meet these faults, one each."""
        self.faults[endpoint] += faults

    def count(self, endpoint: str) -> int:
        """How many requests of the endpoint came."""
        return sum(name == endpoint for name, _, _ in self.calls)

    def handle(self, http: BaseHTTPRequestHandler) -> None:
        http.close_connection = True
        path = "/" + http.path.partition("://")[2].partition("/")[2] if "://" in http.path else http.path
        body = http.rfile.read(int(http.headers.get("Content-Length") or 0))
        kind = path.split("?")[0].strip("/").split("/")
        endpoint = kind[0] if kind[0] in ("blob", "put") else kind[-1]
        request = json.loads(body) if endpoint not in ("blob", "put") else body
        with self._lock:
            self.calls.append((endpoint, dict(http.headers), request))
            fault = self.faults[endpoint].pop(0) if self.faults[endpoint] else self.always.get(endpoint, Fault())
        if fault.drop == "before":
            return
        if fault.echo:
            said = self.echo(http, body)
            fault = replace(fault, message=said, headers={"X-Echo": said, "ETag": said, "WWW-Authenticate": said})
        if fault.status is not None:
            self._answer(http, fault.status, {"code": fault.status, "message": fault.message}, fault.headers)
            return
        if fault.lie is not None:
            self._send(http, 200, {"Content-Type": "text/html", "Content-Length": str(len(fault.lie))}, fault.lie)
            return
        if endpoint == "blob":
            self._blob(http, fault)
            return
        if endpoint == "put":
            self.uploads[kind[-1]] = body
            self._send(http, 201, {"Content-Length": "0"}, b"")
            return
        if not self._is_known(http) and endpoint != "IntrospectToken":
            self._answer(http, 401, {"code": 401, "message": "Unauthenticated"})
            return
        with self._lock:
            answer = getattr(self, f"_{endpoint}")(request)
        if fault.drop == "after":
            return
        if endpoint == "DownloadDataFiles":
            self._send(http, 302, {"Location": answer, "Content-Length": "0"}, b"")
            return
        self._answer(http, 200, answer)

    def echo(self, http: BaseHTTPRequestHandler, body: bytes) -> str:
        """The request's headers and body, and the leaks, in one line."""
        parts = [f"{name}: {value}" for name, value in http.headers.items() if name.lower() == "authorization"]
        signed = f"https://blobs.example/x.zip?X-Goog-Signature={SIGNATURE}&token={SIGNATURE}"
        every = [form for secret in self.leaks for form in spellings(secret)]
        return " ".join([*parts, *every, signed, quote(signed, safe=""), body.decode(errors="replace")])

    def _is_known(self, http: BaseHTTPRequestHandler) -> bool:
        basic = base64.b64encode(f"{USER}:{KEY}".encode()).decode()
        return http.headers.get("Authorization") in (f"Basic {basic}", f"Bearer {TOKEN}")

    def _IntrospectToken(self, request: Any) -> dict[str, Any]:
        return {"active": self.active and request.get("token") == TOKEN, "username": USER}

    def _ListDataFiles(self, request: Any) -> dict[str, Any]:
        begin = int(request.get("pageToken") or 0)
        names = list(self.sizes)
        told = [
            {"name": name, "totalBytes": self.sizes[name], "creationDate": "2018-01-31T00:00:00.000Z"}
            for name in names[begin : begin + self.page]
        ]
        more = begin + self.page < len(names)
        return {"files": told, "nextPageToken": str(begin + self.page) if more else ""}

    def _DownloadDataFiles(self, request: Any) -> str:
        return f"{self.url}/blob/{self.archive_name}?X-Signature={SIGNATURE}"

    def _GetSubmissionLimits(self, request: Any) -> dict[str, Any]:
        sent = len(self.submissions)
        return self.limits or {"numToday": sent, "numTotal": sent, "numAllowedNow": self.left - sent}

    def _StartSubmissionUpload(self, request: Any) -> dict[str, Any]:
        token = f"upload{len(self.calls)}"
        self.uploads[f"{token}.name"] = request["fileName"].encode()
        return {"token": token, "createUrl": f"{self.url}/put/{token}?X-Signature={SIGNATURE}"}

    def _CreateSubmission(self, request: Any) -> dict[str, Any]:
        token = request["blobFileTokens"]
        if token not in self.uploads:
            return {"message": "Could not submit to competition", "ref": 0}
        ref = 1000 + len(self.submissions)
        self.submissions.append(
            {
                "ref": ref,
                "fileName": self.uploads[f"{token}.name"].decode(),
                "date": (datetime.now(UTC) + timedelta(seconds=ref)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "description": request.get("submissionDescription", "")[: self.longest_description],
                "status": "PENDING",
                "sha256": hashlib.sha256(self.uploads[token]).hexdigest(),
            }
        )
        return {"message": "Successfully submitted to A Contest", "ref": ref}

    def _ListSubmissions(self, request: Any) -> dict[str, Any]:
        if self.pending_for <= 0:
            for each in self.submissions:
                if each["status"] == "PENDING":
                    each.update(self.scored)
        elif self.submissions:
            self.pending_for -= 1
        latest_first = [{k: v for k, v in each.items() if k != "sha256"} for each in reversed(self.submissions)]
        if self.numbered_pages:
            size = request["pageSize"]
            begin = (request.get("page", 1) - 1) * size
            return {"submissions": latest_first[begin : begin + size]}
        begin = int(request.get("pageToken") or 0)
        more = begin + self.page < len(latest_first)
        told = latest_first[begin : begin + self.page]
        return {"submissions": told, "nextPageToken": str(begin + self.page) if more else ""}

    def _blob(self, http: BaseHTTPRequestHandler, fault: Fault) -> None:
        etag = f'"{hashlib.sha256(self.archive).hexdigest()[:16]}"'
        headers = {"Accept-Ranges": "bytes", "ETag": etag, "Content-Type": "application/zip"}
        data, status = self.archive, 200
        asked = http.headers.get("Range")
        if asked and http.headers.get("If-Range", etag) == etag:
            begin = int(asked.removeprefix("bytes=").rstrip("-"))
            if begin >= len(data):
                self._send(http, 416, {"Content-Range": f"bytes */{len(data)}", "Content-Length": "0"}, b"")
                return
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
            data, status = data[begin:], 206
        if not fault.no_length:
            headers["Content-Length"] = str(len(data))
        stop = fault.stall if fault.stall is not None else fault.cut
        self._send(http, status, headers, data if stop is None else data[:stop])
        if fault.stall is not None:
            self.closing.wait(20)

    def _answer(self, http: BaseHTTPRequestHandler, status: int, value: Any, headers: Iterable[Any] = ()) -> None:
        data = json.dumps(value).encode()
        self._send(
            http, status, {"Content-Type": "application/json", "Content-Length": str(len(data)), **dict(headers)}, data
        )

    def _send(self, http: BaseHTTPRequestHandler, status: int, headers: dict[str, str], data: bytes) -> None:
        try:
            http.send_response(status)
            for name, value in {**headers, "Connection": "close"}.items():
                http.send_header(name, value)
            http.end_headers()
            http.wfile.write(data)
            http.wfile.flush()
        except OSError:
            # the client went away, as it does with a body that it will ask for by range
            pass


def reach(monkeypatch: pytest.MonkeyPatch, home: Path, server: KaggleServer) -> None:
    """Point the unmodified client at the server, with a home folder of its own and no credentials at all."""
    for name in [*os.environ]:
        if name.startswith("KAGGLE_") or name.lower() in ("no_proxy", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.delenv(name)
    home.mkdir(exist_ok=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
    monkeypatch.setenv("http_proxy", server.url)


class Heard(LineReporter):
    """A reporter whose lines a test can read."""

    def __init__(self) -> None:
        self.lines = io.StringIO()
        super().__init__(self.lines)

    @property
    def text(self) -> str:
        return self.lines.getvalue()


def swift(**changes: Any) -> Patience:
    """Patience that loses no time: pauses of a hundredth, bodies that stall after half a second."""
    return Patience(**{"first_s": 0.01, "read_s": 0.5, "connect_s": 2.0, **changes})
