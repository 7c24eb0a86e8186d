#!/bin/sh
# Makes what an installation needs of its own and does not have yet, and starts it: `make up`. Of each service that runs
# already there are as many afterwards as before.
set -eu
cd "$(dirname "$0")"
export REJESHA_HOME="${REJESHA_HOME:-$PWD}"
compose() { docker compose --env-file "$REJESHA_HOME/.env" "$@"; }

sh init.sh "$@"
set --
for service in billing router-control notify dispatcher intake; do
    replicas=$(compose ps --quiet "$service" | wc -l)
    [ "$replicas" -lt 2 ] || set -- "$@" --scale "$service=$replicas"
done
compose up --detach --wait "$@"
echo "Rejesha is up. See how it is, from deploy/: docker compose run --rm rejesha status"
