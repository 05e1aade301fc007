"""No way out of the program shows a secret: whatever its source, its spelling, and whoever says it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import outfold, outfold_process, write_contest
from kaggle_server import KEY, SIGNATURE, SLUG, TOKEN, USER, Fault, Heard, KaggleServer, reach, spellings, swift

from outfold.errors import HostError
from outfold.exit_codes import exit_code
from outfold.hosts.kaggle import KaggleHost
from outfold.progress import Reporter
from outfold.redaction import HIDDEN, redact

OTHER = "0th3r-secret-that-must-not-leak"
"""A credential that is on the machine and not in use."""

Given = Callable[[Path, pytest.MonkeyPatch], None]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[KaggleServer]:
    server = KaggleServer({"train.csv": b"id\n1\n"})
    reach(monkeypatch, home, server)
    server.leaks = [KEY, TOKEN, OTHER]
    yield server
    server.close()


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o600)
    return path


def in_variable(name: str) -> Given:
    return lambda home, patch: patch.setenv(name, OTHER)


def in_file(name: str, text: str | bytes) -> Given:
    return lambda home, patch: (write(home / name, text), None)[1]


def in_named_file(home: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("KAGGLE_API_TOKEN", str(write(home / "my.token", OTHER + "\r\n")))


def in_named_folder(home: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("KAGGLE_CONFIG_DIR", str(home / "elsewhere"))
    write(home / "elsewhere" / "kaggle.json", json.dumps({"username": USER, "key": OTHER}))


SOURCES = {
    "KAGGLE_KEY": in_variable("KAGGLE_KEY"),
    "KAGGLE_API_TOKEN": in_variable("KAGGLE_API_TOKEN"),
    "file that KAGGLE_API_TOKEN names": in_named_file,
    "folder that KAGGLE_CONFIG_DIR names": in_named_folder,
    "kaggle.json": in_file(".kaggle/kaggle.json", json.dumps({"username": USER, "key": OTHER})),
    "kaggle.json with a byte order mark": in_file(
        ".kaggle/kaggle.json", b"\xef\xbb\xbf" + json.dumps({"username": USER, "key": OTHER}).encode()
    ),
    "damaged kaggle.json": in_file(".kaggle/kaggle.json", f'{{"username": "{USER}", "key": "{OTHER}",'),
    "kaggle.json of XDG": in_file(".config/kaggle/kaggle.json", json.dumps({"username": USER, "key": OTHER})),
    "access_token": in_file(".kaggle/access_token", OTHER + "\n"),
    "access_token of PowerShell": in_file(".kaggle/access_token.txt", f"{OTHER}\r\n".encode("utf-16")),
    "refresh token": in_file(".kaggle/credentials.json", json.dumps({"refresh_token": OTHER, "username": USER})),
    "access token of a log-in": in_file(
        ".kaggle/credentials.json", json.dumps({"refresh_token": "r" * 20, "access_token": OTHER})
    ),
    "token of another service": in_variable("HF_TOKEN"),
    "key of another service": in_variable("AWS_SECRET_ACCESS_KEY"),
    "password of a proxy": lambda home, patch: patch.setenv("https_proxy", f"http://me:{OTHER}@127.0.0.1:9"),
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_credential_is_hidden_wherever_it_lies_and_however_it_is_spelled(
    server: KaggleServer, home: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    SOURCES[source](home, monkeypatch)
    for form in spellings(OTHER):
        shown = redact(f"before {form} after")
        assert HIDDEN in shown, form
        assert form not in shown
        assert (shown.startswith("before "), shown.endswith(" after")) == (True, True)
    assert redact("nothing to hide in id_code, 0th3r or a/b.png?size=3") == (
        "nothing to hide in id_code, 0th3r or a/b.png?size=3"
    )


@pytest.mark.parametrize("source", [name for name in SOURCES if name not in ("KAGGLE_KEY", "KAGGLE_API_TOKEN")])
@pytest.mark.parametrize("endpoint", ["ListDataFiles", "DownloadDataFiles", "blob"])
def test_a_server_that_echoes_every_secret_makes_no_error_show_one(
    server: KaggleServer,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    source: str,
    endpoint: str,
) -> None:
    # what logs in is in the variables, and another credential lies where the source says
    SOURCES[source](home, monkeypatch)
    monkeypatch.setenv("KAGGLE_USERNAME", USER)
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    if source in ("file that KAGGLE_API_TOKEN names",):
        server.leaks.remove(OTHER)  # its variable now holds the token itself
    server.always[endpoint] = Fault(status=400, echo=True)
    heard = Heard()
    assert exit_code(lambda: KaggleHost(SLUG, swift()).download(tmp_path / "inputs", heard), debug=True) == 2
    shown = "".join(capsys.readouterr()) + heard.text + files_of(tmp_path / "inputs", tmp_path / ".inputs.download")
    assert_hidden(shown)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
def test_each_status_with_an_echo_is_told_without_a_secret(
    server: KaggleServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("KAGGLE_USERNAME", USER)
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    monkeypatch.setenv("HF_TOKEN", OTHER)
    monkeypatch.setenv("SOME_TOKEN", TOKEN)
    server.always["ListDataFiles"] = Fault(status=status, echo=True)
    with pytest.raises(HostError, match=str(status)) as caught:
        KaggleHost(SLUG, swift(attempts=2)).download(tmp_path / "inputs", Heard())
    assert HIDDEN in str(caught.value)
    assert_hidden(str(caught.value))


def test_the_words_of_a_refused_submission_hold_no_secret(
    server: KaggleServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    server.scored = {"status": "ERROR", "errorDescription": f"cannot read it: {TOKEN} {KEY} ?token={SIGNATURE}"}
    file = write(tmp_path / "s.csv", "id,y\n1,2\n")
    scored = KaggleHost(SLUG, swift()).submit(file, "m", Heard(), wait_s=5)
    assert "cannot read it" in scored.message
    assert_hidden(scored.message)


@pytest.mark.parametrize(
    "address",
    [
        "https://s3.example/x.zip?X-Amz-Algorithm=A&X-Amz-Credential={}&X-Amz-Signature={}&X-Amz-Security-Token={}",
        "https://storage.example/x.zip?GoogleAccessId=me&Expires=1&Signature={}&x=1",
        "https://storage.example/x.zip?X-Goog-Credential={}&X-Goog-Signature={}",
        "https://blob.example/x?sv=1&sig={}",
        "https://kaggle.example/x?token={}",
        "https://kaggle.example/x?a=1&amp;token={}&amp;b=2",
        "redirect%3Fto%3Dhttps%3A%2F%2Fx%3FX-Goog-Signature%3D{}%26a%3D1",
        '{{"createUrl": "https://x/y?X-Amz-Signature={}"}}',
        "Signature={}",
        "Authorization: Bearer {}",
        "'Authorization': 'Basic {}'",
        "https://me:{}@proxy.example/x",
    ],
)
def test_a_signed_address_and_a_header_lose_what_signs_them(address: str) -> None:
    shown = redact(address.replace("{}", SIGNATURE).replace("{{", "{").replace("}}", "}"))
    assert SIGNATURE not in shown
    assert HIDDEN in shown


@pytest.mark.parametrize(
    "text",
    [
        "https://www.kaggle.com/competitions/titanic/rules",
        "class key=3, token 7 of 12, Signature: none, Bearer of news, Basic statistics",
        "a/b.csv?row=3&column=key",
        "user@example.com: 12:30 http://localhost:8888/a@b",
    ],
)
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("value", ["postgres", "Titanic", "TARGET", "100000", "0.0001", "12345678"])
def test_a_word_or_number_in_a_variable_of_another_program_hides_no_ordinary_text(
    server: KaggleServer, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SOME_PASSWORD", value)
    text = f"row {value}: expected a number; run `outfold --root {value} check`"
    assert redact(text) == text
    monkeypatch.setenv("SOME_PASSWORD", f"{value}-7Xq")
    assert redact(f"{text} {value}-7Xq") == f"{text} {HIDDEN}"
    monkeypatch.setenv("KAGGLE_KEY", value)
    assert value not in redact(text)


@pytest.mark.parametrize("piece", ["a.b.", "a-", "://a:", "&token", "%25", "?", "http://a.b/?c=d&e=f "])
def test_the_time_of_a_search_grows_no_faster_than_the_text(server: KaggleServer, piece: str) -> None:
    text = piece * (200_000 // len(piece))
    began = time.perf_counter()
    redact(text)
    assert time.perf_counter() - began < 3


def test_a_credential_renewed_while_the_program_runs_is_hidden_too(
    server: KaggleServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(home / ".kaggle" / "access_token", "first-secret-token")
    assert "first-secret-token" not in redact("first-secret-token")
    path.write_text("second-secret-token")
    assert redact("first-secret-token second-secret-token") == f"{HIDDEN} {HIDDEN}"


def test_a_secret_is_hidden_before_a_long_message_is_cut(
    server: KaggleServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAGGLE_KEY", KEY)

    def fail(error: Exception) -> None:
        raise error

    for before in range(0, 3000, 7):
        long = f"{'x' * before} {KEY} {'y' * 3000}"
        shown = str(HostError(long, remedy=long))
        assert KEY[:6] not in shown
        assert KEY[-6:] not in shown
    exit_code(lambda: fail(ValueError("x" * 1490 + KEY + "y" * 3000)))
    exit_code(lambda: fail(HostError("x" * 1490 + KEY + "y" * 3000)))
    assert KEY[:6] not in "".join(capsys.readouterr())


def test_a_large_page_is_searched_fast(server: KaggleServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    picture = "iVBORw0KGgo" * 70_000
    page = f"<img src='data:image/png;base64,{picture}'> &amp; 100% {KEY} <img src='{picture}'>"
    began = time.perf_counter()
    assert KEY not in redact(page)
    assert time.perf_counter() - began < 5


LEAKY = """
import os, sys, warnings
import logging

def leak():
    print("printed", os.environ["KAGGLE_KEY"])
    print("on stderr", os.environ["KAGGLE_KEY"], file=sys.stderr)
    logging.warning("logged %s", os.environ["KAGGLE_KEY"])
    warnings.warn("warned " + os.environ["KAGGLE_KEY"])

def metric(y_true, y_pred):
    leak()
    raise ValueError("raised " + os.environ["KAGGLE_KEY"])
"""


@pytest.mark.parametrize(
    "arguments",
    [["train", "shallow", "--fold", "0"], ["--debug", "train", "shallow", "--fold", "0", "--fold", "1", "--jobs", "2"]],
)
def test_hooks_that_leak_in_this_process_and_in_workers(
    server: KaggleServer, tabular: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    (tabular / "competition" / "hooks.py").write_text(LEAKY)
    contest = (tabular / "competition" / "competition.yaml").read_text()
    lines = [line for line in contest.splitlines() if not line.startswith("metric")]
    write(tabular / "competition" / "competition.yaml", "\n".join([*lines, "metric: hooks.py:metric", ""]))
    outfold(tabular, "split")
    done = outfold_process(tabular, *arguments, check=False)
    assert done.returncode != 0
    shown = done.stdout + done.stderr
    assert "raised [hidden]" in shown
    assert "printed [hidden]" in shown
    assert KEY not in shown
    assert_hidden(files_of(tabular / "artifacts"))


TRIMMED = {
    "line end": TOKEN + "\n",
    "Windows line end": TOKEN + "\r\n",
    "blanks": f"  {TOKEN}\t ",
    "no-break and zero-width space": f"\u00a0{TOKEN}\u200b",
    "byte order mark": f"\ufeff{TOKEN}\n",
}


@pytest.mark.parametrize("kind", TRIMMED)
@pytest.mark.parametrize("place", ["variable", "file", "named file"])
def test_a_token_is_trimmed_and_logs_in(
    server: KaggleServer, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, place: str
) -> None:
    if place == "variable":
        monkeypatch.setenv("KAGGLE_API_TOKEN", TRIMMED[kind])
    else:
        path = write(home / (".kaggle/access_token" if place == "file" else "my.token"), TRIMMED[kind])
        if place == "named file":
            monkeypatch.setenv("KAGGLE_API_TOKEN", f"{path}\n")
    KaggleHost(SLUG, swift()).download(tmp_path / "inputs", Reporter())
    assert (tmp_path / "inputs" / "train.csv").exists()


@pytest.mark.parametrize(
    "text",
    [
        f"\ufeff{json.dumps({'username': USER, 'key': KEY})}".encode(),
        json.dumps({"username": f" {USER}\n", "key": f"{KEY}\r\n"}).encode(),
        json.dumps({"username": USER, "key": KEY}).encode("utf-16"),
    ],
)
def test_a_kaggle_json_as_editors_leave_it_logs_in(
    server: KaggleServer, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes
) -> None:
    write(home / ".kaggle" / "kaggle.json", text)
    # empty variables are no credentials
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN", "KAGGLE_CONFIG_DIR"):
        monkeypatch.setenv(name, " " if name == "KAGGLE_API_TOKEN" else "")
    host = KaggleHost(SLUG, swift())
    assert any("found in" in line and "kaggle.json" in line for line in host.describe())
    host.download(tmp_path / "inputs", Reporter())
    assert (tmp_path / "inputs" / "train.csv").exists()


def test_a_user_name_and_key_with_line_ends_log_in(
    server: KaggleServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_USERNAME", f"{USER}\n")
    monkeypatch.setenv("KAGGLE_KEY", f"{KEY}\r\n")
    KaggleHost(SLUG, swift()).download(tmp_path / "inputs", Reporter())
    assert (tmp_path / "inputs" / "train.csv").exists()


def test_a_token_that_kaggle_refuses_gives_way_to_the_key_beside_it(
    server: KaggleServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.active = False
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    monkeypatch.setenv("KAGGLE_USERNAME", USER)
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    KaggleHost(SLUG, swift()).download(tmp_path / "inputs", Reporter())
    assert (tmp_path / "inputs" / "train.csv").exists()


@pytest.mark.parametrize(
    "token", ["KGAT_half\nKGAT_other-half", "KGAT_p\u00e4ss-that-is-long", "KGAT_" + "x" * 300 + " y"]
)
def test_a_token_that_no_header_can_hold_is_told_by_place_and_not_shown(
    server: KaggleServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", token)
    with pytest.raises(HostError, match="the token from the variable KAGGLE_API_TOKEN has a blank") as caught:
        KaggleHost(SLUG, swift()).download(tmp_path / "inputs", Reporter())
    assert token[:12] not in str(caught.value)


@pytest.mark.parametrize("value", ["", " ", "\n"])
def test_doctor_finds_no_credentials_in_empty_variables(
    server: KaggleServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN", "KAGGLE_API_V1_TOKEN"):
        monkeypatch.setenv(name, value)
    write_contest(tmp_path, f"host: kaggle\nslug: {SLUG}\n")
    said = outfold(tmp_path, "doctor").stdout
    assert "credentials: MISSING" in said


def test_the_case_of_a_token_with_a_line_end_by_the_command_line(
    server: KaggleServer, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN + "\n")
    write_contest(tmp_path, f"host: kaggle\nslug: {SLUG}\nid: id\n")
    done = subprocess.run(
        [sys.executable, "-m", "outfold", "--root", str(tmp_path), "--debug", "download"],
        capture_output=True,
        text=True,
        env={**os.environ},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout + done.stderr


def files_of(*folders: Path) -> str:
    """The text of every file."""
    found = [path for folder in folders if folder.exists() for path in folder.rglob("*") if path.is_file()]
    return "\n".join(path.read_bytes().decode("latin-1") for path in found)


def assert_hidden(text: str) -> None:
    assert SIGNATURE not in text
    for secret in (KEY, TOKEN, OTHER):
        for form in spellings(secret):
            assert form not in text
