#!/bin/sh
# Builds the images and says what each adds to its base: all, or those that are named. They are tagged as latest and with
# our version; where REJESHA_VERSION says under which tag they are to run, with that one alone.
set -eu
cd "$(dirname "$0")/.."
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml | head -n 1)
source=$(git config --get remote.origin.url 2>/dev/null | grep '^https://' || true)
tags=${REJESHA_VERSION:-$version latest}
base=python:3.13-slim
[ $# -gt 0 ] || set -- billing router-control notify gateway command

command -v docker >/dev/null || { echo "images: docker is missing: install Docker Engine with Compose" >&2; exit 1; }
for image in "$@"; do
    tagged=
    for tag in $tags; do tagged="$tagged --tag rejesha/$image:$tag"; done
    # A mirror's address is passed on where this environment has one.
    docker build --quiet --file deploy/Dockerfile --target "$image" \
        --build-arg PIP_INDEX_URL --build-arg UV_DEFAULT_INDEX --build-arg VERSION="$version" \
        ${source:+--build-arg SOURCE="$source"} \
        $tagged . >/dev/null
done

bytes() { docker image inspect --format '{{.Size}}' "$1"; }
docker image inspect "$base" >/dev/null 2>&1 || exit 0 # a builder that keeps its bases elsewhere
for image in "$@"; do
    printf 'images: rejesha/%-16s %s, %s MB over %s\n' "$image" "$version" \
        $((($(bytes "rejesha/$image:${tags%% *}") - $(bytes "$base")) / 1000000)) "$base" >&2
done
