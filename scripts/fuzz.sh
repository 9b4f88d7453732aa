#!/usr/bin/env bash
# Runs every fuzz target, or those named, for SECONDS each (default 60), in an environment of its own:
# atheris wants to stay out of the one that tests use. A finding ends the run with its input shown.
#   scripts/fuzz.sh                  all
#   SECONDS_EACH=600 scripts/fuzz.sh fuzz/fuzz_pap_xml.py
set -eu
cd "$(dirname "$0")/.."
each=${SECONDS_EACH:-60}
stamp=.venv-fuzz/.from-project
if [ ! -e "$stamp" ] || [ pyproject.toml -nt "$stamp" ]; then
  [ -x .venv-fuzz/bin/python ] || "${PYTHON:-python3}" -m venv .venv-fuzz
  .venv-fuzz/bin/pip install --quiet --disable-pip-version-check -e '.[dns,dbus]' 'atheris>=3.0'
  touch "$stamp"
fi
[ $# -gt 0 ] || set -- fuzz/fuzz_*.py
for target in "$@"; do
  echo "$target, $each seconds"
  .venv-fuzz/bin/python "$target" -max_total_time="$each" -max_len=4096 -rss_limit_mb=1024 \
    -print_final_stats=0 -verbosity=0
done
