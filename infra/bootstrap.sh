#!/bin/sh
# Finds a Python of 3.11 or newer and hands over to devkit/bootstrap.py, which makes the
# environment. Usage: sh infra/bootstrap.sh [dev|checkov|servers]
set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root" || exit 1
check='import sys; sys.exit(sys.version_info < (3, 11))'
whole='import sys, venv, ensurepip, ssl; sys.exit(sys.version_info < (3, 11))'

run() {
    exec "$@" -I "$root/infra/devkit/bootstrap.py"
}

if [ "${1:-dev}" != dev ]; then
    exec "$root/.venv/bin/python" -I "$root/infra/devkit/bootstrap.py" "$1"
fi
if "$root/.venv/bin/python" -c "$check" 2>/dev/null; then
    run "$root/.venv/bin/python"
fi

# In order of preference. pyenv's shims obey .python-version and refuse when that version is
# not installed, so its versions are also tried by their own paths.
pyenv="${PYENV_ROOT:-${HOME:-/nonexistent}/.pyenv}/versions"
candidates="python3.13 $pyenv/3.13*/bin/python3 python3 python3.12 python3.11 python3.14
    /usr/bin/python3 /usr/local/bin/python3 $pyenv/3.1[1-9]*/bin/python3"
for test in "$whole" "$check"; do
    for python in $candidates; do
        if "$python" -c "$test" 2>/dev/null; then
            run "$python"
        fi
    done
done

cat >&2 <<'MESSAGE'
No Python of 3.11 or newer was found.
  Debian, Ubuntu:  sudo apt-get install python3 python3-venv
  Fedora:          sudo dnf install python3
  macOS:           brew install python@3.13
  pyenv:           pyenv install 3.13
Then run the same command again.
MESSAGE
exit 1
