#!/usr/bin/env bash
# Makes .venv with exactly what uv.lock says, omapush itself in editable form. No root, no system
# package beyond Python 3.11 with its venv module.
set -eu
cd "$(dirname "$0")/.."

python=${PYTHON:-}
if [ -z "$python" ]; then
  for candidate in python3.11 python3.12 python3.13 python3; do
    if command -v "$candidate" >/dev/null &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
      python=$candidate
      break
    fi
  done
fi
if [ -z "$python" ]; then
  echo "omapush needs Python 3.11 or later (on Debian: apt-get install python3 python3-venv)" >&2
  exit 1
fi
if [ ! -x .venv/bin/python ]; then
  if ! "$python" -m venv .venv; then
    rm -rf .venv
    echo "Python's venv module is incomplete (on Debian: apt-get install python3-venv)" >&2
    exit 1
  fi
fi
# uv installs from the lock file, every archive checked against its hash.
if ! .venv/bin/python -c 'import uv' 2>/dev/null; then
  # An environment that another tool made may lack pip.
  .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null
  .venv/bin/python -m pip install --quiet --disable-pip-version-check 'uv==0.13.8'
fi
UV_PROJECT_ENVIRONMENT=.venv .venv/bin/python -m uv sync --frozen --all-extras --inexact --quiet --no-progress
echo ".venv is ready: $(.venv/bin/python --version), omapush $(.venv/bin/python -c 'import omapush; print(omapush.__version__)')"
