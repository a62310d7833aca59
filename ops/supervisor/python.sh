# shellcheck shell=bash
# Finds the interpreter that ./run and ./test begin with.

# The first Python >= 3.11 that every user of the machine can read: the system's own ones, then
# whatever is on PATH. An interpreter below a private home works for the platform, but engines built
# from it cannot be read inside the sandbox.
find_python() {
  local candidate
  for candidate in /usr/bin/python3.{11,12,13,14} /usr/bin/python3 /usr/local/bin/python3 \
    python3 python3.{14,13,12,11}; do
    candidate=$(command -v -- "$candidate") || continue
    if "$candidate" -I -S -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  if [ "${python_tried:-}" = "" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    python_tried=1
    printf 'installing python3 from the system'\''s packages\n' >&2
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      python3 python3-venv >&2
    find_python
    return
  fi
  printf 'Modelyard needs Python 3.11 or newer. Type:\n\n    %s\n\nand start again.\n' \
    'sudo apt-get install python3 python3-venv' >&2
  return 1
}
