#!/bin/sh
# Replaces containers one after the other while payments come in: all of our services', or those of the services that are
# named. A new one serves before an old one is told to stop, and each service has as many as before.
set -eu
cd "$(dirname "$0")"
export REJESHA_HOME="${REJESHA_HOME:-$PWD}"
compose() { docker compose --env-file "$REJESHA_HOME/.env" "$@"; }
# Those who are called before those who call them: what is new may then be called.
[ $# -gt 0 ] || set -- billing router-control notify dispatcher intake

for service in "$@"; do
    replicas=$(compose ps --quiet "$service" | wc -l)
    for old in $(compose ps --quiet "$service"); do
        compose up --detach --wait --no-deps --no-recreate --scale "$service=$((replicas + 1))" "$service"
        docker stop "$old" >/dev/null
        docker rm "$old" >/dev/null
    done
done
