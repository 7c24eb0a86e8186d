#!/bin/sh
# Makes .venv/ from nothing but python3: the pinned dependencies and the workspace's own packages.
# Run it again at any time; it does nothing when the locks have not changed.
set -eu
cd "$(dirname "$0")/../.."

say() { printf 'setup: %s\n' "$*" >&2; }

python=${PYTHON:-python3}
command -v "$python" >/dev/null || { say "python3 is missing: install it and run make again"; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    say "Python 3.11 or newer is needed; this is $("$python" -V). Name another one with PYTHON=…"
    exit 1
}

# Debian and Ubuntu keep ensurepip in a package of its own.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    say "installing $package"
    if [ "$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi
    { $as_root apt-get update -qq && $as_root apt-get install -y -qq "$package" >/dev/null; } || {
        say "could not install $package: install it and run make again"
        exit 1
    }
fi

want=$(cat locks/setup.txt locks/development.txt ./*/pyproject.toml services/*/pyproject.toml | cksum)
[ "$(cat .venv/ready 2>/dev/null)" != "$want" ] || exit 0

say "installing the pinned dependencies into .venv"
[ -x .venv/bin/python ] || "$python" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/setup.txt
.venv/bin/uv pip sync --quiet --require-hashes locks/development.txt
.venv/bin/uv pip install --quiet --no-deps --no-build-isolation \
    -e . -e protos -e servicekit -e services/billing -e services/router-control -e services/notify \
    -e services/gateway -e cli
printf '%s' "$want" > .venv/ready
