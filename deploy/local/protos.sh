#!/bin/sh
# Writes the Python code beside each .proto; with --check only says whether it is in step.
set -eu
cd "$(dirname "$0")/../.."
out=protos
if [ "${1:-}" = --check ]; then out=$(mktemp -d); trap 'rm -rf "$out"' EXIT; fi
PATH=$PWD/.venv/bin:$PATH .venv/bin/python -m grpc_tools.protoc --proto_path=protos \
    --python_out="$out" --grpc_python_out="$out" --mypy_out="quiet:$out" --mypy_grpc_out="quiet:$out" \
    $(find protos/rejesha -name '*.proto')
# protobuf takes a datetime for a Timestamp, which the types do not know yet.
find "$out/rejesha" -name '*_pb2.pyi' -exec sed -i \
    -e 's/_timestamp_pb2.Timestamp | None = /_datetime.datetime | &/' \
    -e 's/^from google.protobuf import timestamp_pb2/import datetime as _datetime\n&/' {} +
[ "$out" != protos ] || exit 0
cd "$out"
find . -name '*_pb2*' | while read -r file; do
    cmp -s "$file" "$OLDPWD/protos/$file" || { echo "protos: $file is out of step: run make protos" >&2; exit 1; }
done
