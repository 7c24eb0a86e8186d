#!/bin/sh
# Whether the services of the previous release, whose commit protos/PREVIOUS names, understand today's contract.
set -eu
cd "$(dirname "$0")/../.."
previous=$(cat protos/PREVIOUS)
if ! git cat-file -e "$previous^{commit}" 2>/dev/null; then
    echo "contract: not compared with $previous, which this clone does not have: git fetch --unshallow" >&2
    exit 0
fi
git archive "$previous" protos | "$1" breaking protos --against '-#format=tar,subdir=protos'
