#!/bin/sh
# Builds the images and says what each adds to its base: all, or those that are named.
set -eu
cd "$(dirname "$0")/.."
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml | head -n 1)
source=$(git config --get remote.origin.url 2>/dev/null | grep '^https://' || true)
base=python:3.13-slim
[ $# -gt 0 ] || set -- billing router-control notify gateway command

command -v docker >/dev/null || { echo "images: docker is missing: install Docker Engine with Compose" >&2; exit 1; }
for image in "$@"; do
    # A mirror's address is passed on where this environment has one.
    docker build --quiet --file deploy/Dockerfile --target "$image" \
        --build-arg PIP_INDEX_URL --build-arg UV_DEFAULT_INDEX --build-arg VERSION="$version" \
        ${source:+--build-arg SOURCE="$source"} \
        --tag "rejesha/$image:$version" --tag "rejesha/$image:latest" . >/dev/null
done

bytes() { docker image inspect --format '{{.Size}}' "$1"; }
docker image inspect "$base" >/dev/null 2>&1 || exit 0 # a builder that keeps its bases elsewhere
for image in "$@"; do
    printf 'images: rejesha/%-16s %s, %s MB over %s\n' "$image" "$version" \
        $((($(bytes "rejesha/$image:$version") - $(bytes "$base")) / 1000000)) "$base" >&2
done
