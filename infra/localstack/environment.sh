#!/bin/sh
# Makes LocalStack's own environment out of its lock and puts this package into it, editable.
# Usage: sh infra/localstack/environment.sh FOLDER
# Needs uv: on the PATH, or named by the variable UV; PYTHON names a certain Python 3.13.
# Running it again is instant.
set -eu
folder=${1:?Usage: sh environment.sh FOLDER}
uv=${UV:-uv}
package=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
lock="$package/../locks/localstack.lock"
stamp="$folder/.made-of"
wanted="$(cat "$lock" "$package/pyproject.toml" | cksum) $folder"

if [ -x "$folder/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi
"$uv" venv --quiet --clear --python "${PYTHON:-3.13}" "$folder"
"$uv" pip install --quiet --compile-bytecode --require-hashes --python "$folder/bin/python" -r "$lock"
"$uv" pip install --quiet --no-deps --no-build-isolation --python "$folder/bin/python" -e "$package"
echo "$wanted" >"$stamp"
