#!/bin/sh
# Makes what an installation needs of its own and does not have yet, and starts it: `make up`.
set -eu
cd "$(dirname "$0")"
export REJESHA_HOME="${REJESHA_HOME:-$PWD}"
sh init.sh "$@"
docker compose --env-file "$REJESHA_HOME/.env" up --detach --wait
echo "Rejesha is up. See how it is, from deploy/: docker compose run --rm rejesha status"
