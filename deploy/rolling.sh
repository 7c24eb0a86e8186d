#!/bin/sh
# Replaces containers one after the other while payments come in: those of the services that are named, or all of ours
# once the tables, and the rights on them, are as these need them. A new one serves before an old one is told to stop;
# each service has as many as before.
set -eu
cd "$(dirname "$0")"
export REJESHA_HOME="${REJESHA_HOME:-$PWD}"
compose() { docker compose --env-file "$REJESHA_HOME/.env" "$@"; }

named=$*
if [ $# -eq 0 ]; then
    for service in billing router-control notify; do
        compose run --rm --no-deps -T "migrate-$service"
        compose run --rm --no-deps -T "grants-$service"
    done
    # Those who are called before those who call them: what is new may then be called. Messages are billing's, which
    # hands them over by the dispatcher: notify knows their templates before.
    set -- notify billing router-control dispatcher intake
fi

for service in "$@"; do
    replicas=$(compose ps --quiet "$service" | wc -l)
    for old in $(compose ps --quiet "$service"); do
        compose up --detach --wait --no-deps --no-recreate --scale "$service=$((replicas + 1))" "$service"
        docker stop "$old" >/dev/null
        docker rm "$old" >/dev/null
    done
done

# A billing of the release before may have recorded payments meanwhile: what they lack of this one's tables comes now.
[ -n "${named:-}" ] || compose run --rm --no-deps -T migrate-billing
