"""Every way in which Kaggle's client takes credentials, with the client itself at the other end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kaggle_server import KEY, SLUG, TOKEN, USER, Fault, Heard, KaggleServer, reach, swift

from outfold.errors import HostError
from outfold.hosts.kaggle import KaggleHost

Given = Callable[[Path, pytest.MonkeyPatch], Path | None]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[KaggleServer]:
    server = KaggleServer({"train.csv": b"id\n1\n"})
    reach(monkeypatch, home, server)
    yield server
    server.close()


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def kaggle_json() -> str:
    return json.dumps({"username": USER, "key": KEY})


def user_and_key(home: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("KAGGLE_USERNAME", USER)
    patch.setenv("KAGGLE_KEY", KEY)


def file_in_home(home: Path, patch: pytest.MonkeyPatch) -> Path:
    return write(home / ".kaggle" / "kaggle.json", kaggle_json())


def file_in_xdg_folder(home: Path, patch: pytest.MonkeyPatch) -> Path:
    return write(home / ".config" / "kaggle" / "kaggle.json", kaggle_json())


def file_in_named_folder(home: Path, patch: pytest.MonkeyPatch) -> Path:
    patch.setenv("KAGGLE_CONFIG_DIR", str(home / "elsewhere"))
    return write(home / "elsewhere" / "kaggle.json", kaggle_json())


def user_in_environment_key_in_file(home: Path, patch: pytest.MonkeyPatch) -> Path:
    patch.setenv("KAGGLE_USERNAME", USER)
    return write(home / ".kaggle" / "kaggle.json", json.dumps({"username": "someone else", "key": KEY}))


def token(home: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("KAGGLE_API_TOKEN", TOKEN)


def token_as_path(home: Path, patch: pytest.MonkeyPatch) -> Path:
    path = write(home / "my.token", TOKEN + "\n")
    patch.setenv("KAGGLE_API_TOKEN", str(path))
    return path


def token_file(home: Path, patch: pytest.MonkeyPatch) -> Path:
    return write(home / ".kaggle" / "access_token", TOKEN)


def token_file_of_windows(home: Path, patch: pytest.MonkeyPatch) -> Path:
    return write(home / ".kaggle" / "access_token.txt", TOKEN)


def oauth(home: Path, patch: pytest.MonkeyPatch) -> Path:
    stored = {
        "refresh_token": "refresh-" + KEY,
        "access_token": TOKEN,
        "access_token_expiration": "2999-01-01T00:00:00+00:00",
        "username": USER,
    }
    return write(home / ".kaggle" / "credentials.json", json.dumps(stored))


WAYS: list[Given] = [
    user_and_key,
    file_in_home,
    file_in_xdg_folder,
    file_in_named_folder,
    user_in_environment_key_in_file,
    token,
    token_as_path,
    token_file,
    token_file_of_windows,
    oauth,
]


@pytest.mark.parametrize("given", WAYS, ids=lambda given: given.__name__)
def test_the_client_is_let_in_and_doctor_names_the_place_but_no_secret(
    server: KaggleServer, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: Given
) -> None:
    path = given(home, monkeypatch)
    host, heard = KaggleHost(SLUG, swift()), Heard()
    host.download(tmp_path / "inputs", heard)
    assert (tmp_path / "inputs" / "train.csv").read_bytes() == b"id\n1\n"
    lines = "\n".join(host.describe())
    assert (str(path) if path else "variable") in lines
    assert "MISSING" not in lines
    for text in (lines, heard.text, repr(vars(host))):
        assert KEY not in text
        assert TOKEN not in text


@pytest.mark.skipif(os.name != "posix", reason="file modes")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_file_that_others_can_read_is_warned_of_with_the_command_that_mends_it(
    server: KaggleServer, home: Path, tmp_path: Path, mode: int
) -> None:
    path = write(home / ".kaggle" / "kaggle.json", kaggle_json(), mode)
    host, heard = KaggleHost(SLUG, swift()), Heard()
    host.download(tmp_path / "inputs", heard)
    assert f"chmod 600 {path}" in heard.text
    assert any(f"chmod 600 {path}" in line for line in host.describe())


def test_a_file_for_its_owner_alone_is_not_warned_of(server: KaggleServer, home: Path, tmp_path: Path) -> None:
    write(home / ".kaggle" / "kaggle.json", kaggle_json())
    heard = Heard()
    KaggleHost(SLUG, swift()).download(tmp_path / "inputs", heard)
    assert "chmod" not in heard.text


def test_without_credentials_one_error_says_how_to_get_them(server: KaggleServer, tmp_path: Path) -> None:
    host = KaggleHost(SLUG, swift())
    with pytest.raises(HostError, match="no Kaggle credentials") as caught:
        host.download(tmp_path / "inputs", Heard())
    for word in ("kaggle.com/settings/api", "access_token", "kaggle.json", "KAGGLE_KEY", "kaggle auth login"):
        assert word in str(caught.value)
    assert any("MISSING" in line for line in host.describe())
    assert server.calls == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{username: me", "is not JSON"),
        ('["a"]', "JSON object"),
        (json.dumps({"username": USER}), "no key"),
        (json.dumps({"key": KEY}), "no user name"),
    ],
)
def test_a_damaged_file_is_named_and_not_shown(
    server: KaggleServer, home: Path, tmp_path: Path, text: str, said: str
) -> None:
    write(home / ".kaggle" / "kaggle.json", text)
    with pytest.raises(HostError, match=said) as caught:
        KaggleHost(SLUG, swift()).download(tmp_path / "inputs", Heard())
    assert KEY not in "".join(traceback.format_exception(caught.value))


def test_a_token_that_is_no_longer_valid_is_an_error_and_no_exit(
    server: KaggleServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    server.active = False
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    stdin = sys.stdin
    with pytest.raises(HostError, match="did not accept the credentials from the variable KAGGLE_API_TOKEN"):
        KaggleHost(SLUG, swift()).download(tmp_path / "inputs", Heard())
    assert sys.stdin is stdin
    assert capfd.readouterr() == ("", "")


def test_a_log_in_that_stalls_is_tried_again(
    server: KaggleServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    server.suffer("IntrospectToken", Fault(status=503), Fault(drop="before"))
    KaggleHost(SLUG, swift()).download(tmp_path / "inputs", Heard())
    assert server.count("IntrospectToken") == 3


def test_a_fresh_process_logs_in_once_prints_nothing_and_keeps_its_stdin(
    server: KaggleServer, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the client logs in, prints and may close stdin while it is imported: only a new process imports it anew
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    monkeypatch.setenv("VERBOSE", "1")
    program = (
        "import sys; from pathlib import Path\n"
        "from outfold.hosts.kaggle import KaggleHost; from outfold.progress import Reporter\n"
        "assert 'kaggle' not in sys.modules\n"
        f"KaggleHost({SLUG!r}).download(Path({str(tmp_path / 'inputs')!r}), Reporter())\n"
        "assert sys.stdin.read() == 'yes'\n"
    )
    done = subprocess.run([sys.executable, "-c", program], input="yes", capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert TOKEN not in done.stderr
    assert server.count("IntrospectToken") == 1
    assert (tmp_path / "inputs" / "train.csv").exists()
