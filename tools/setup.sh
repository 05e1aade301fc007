#!/bin/sh
# Make the virtual environment in $VENV with the packages of requirements.lock, and outfold itself from this checkout.
# Run by `make setup`; does again only what is missing.
set -eu
repo=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "error: $python is missing or older than Python 3.11; name another one: make setup PYTHON=python3.12" >&2
    exit 2
fi
want=$("$python" -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' \
    "$repo/requirements.lock")

if [ "$(cat "$VENV/.lock" 2>/dev/null || true)" != "$want" ]; then
    quiet=--quiet
    if [ -t 1 ]; then quiet=; fi # on a terminal, pip's own progress bars
    echo "setup: installing the pinned packages into $VENV (once; PyTorch is several GB)"
    "$python" -m venv "$VENV" || {
        echo "error: $python cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2
        exit 2
    }
    "$VENV/bin/python" -m pip install $quiet --disable-pip-version-check -r "$repo/requirements.lock"
    echo "$want" > "$VENV/.lock"
fi
"$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e "$repo"
touch "$VENV/.ready"
echo "setup: ready in $VENV"
