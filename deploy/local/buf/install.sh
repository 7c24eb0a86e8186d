#!/bin/sh
# Puts the pinned buf into .venv/buf; installs npm where it is missing.
set -eu
cd "$(dirname "$0")"
if ! command -v npm >/dev/null; then
    if [ "$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi
    $as_root apt-get update -qq && $as_root apt-get install -y -qq --no-install-recommends npm >/dev/null
fi
mkdir -p ../../../.venv/buf
cp package.json package-lock.json ../../../.venv/buf/
cd ../../../.venv/buf && npm ci --silent --no-fund --no-audit
