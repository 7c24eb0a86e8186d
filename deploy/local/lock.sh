#!/bin/sh
# Writes locks/: one file of pinned, hashed dependencies for each process, one for development.
set -eu
cd "$(dirname "$0")/../.."
uv=${UV:-.venv/bin/uv}
compile() { # output, inputs...
    out=locks/$1.txt; shift
    "$uv" pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
        --no-emit-package rejesha --no-emit-package rejesha-protos --no-emit-package rejesha-servicekit \
        --no-emit-package rejesha-billing --no-emit-package rejesha-router-control --no-emit-package rejesha-notify \
        --no-emit-package rejesha-gateway --no-emit-package rejesha-cli \
        --output-file "$out" "$@"
}
for service in billing router-control notify gateway; do
    compile "$service" "services/$service/pyproject.toml"
done
compile cli cli/pyproject.toml
compile simulators pyproject.toml
compile development pyproject.toml --group pyproject.toml:dev cli/pyproject.toml services/*/pyproject.toml
grep -A40 '^uv==' locks/development.txt | awk 'NR==1 || /^    --hash/ {print; next} {exit}' > locks/setup.txt
