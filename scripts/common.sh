# What the scripts beside this file share. Sourced, never run; POSIX sh.
# shellcheck shell=sh
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
cd "$root"
venv=$root/.venv
bin=$venv/bin
stamp=$venv/.set-up
uv_version=0.13.9 # the one that wrote uv.lock

# An environment that happens to be active is not ours to fill.
unset VIRTUAL_ENV CONDA_PREFIX PYTHONHOME

# Tests are shared out to processes, a file at a time, each with brokers of its own; one, and in
# this process, by `-n 0`.
shared="--numprocesses auto --dist loadfile"

say() { printf '%s\n' "$*" >&2; }

die() {
    say "ccstream: $*"
    exit 1
}

# Whether $1 is a Python that can run this project. It has to be run to be known: the name on
# the path may be a shim for a version that is not installed.
is_python() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

# Prints the Python to use: $PYTHON if that is set, else the first that fits.
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_python "$PYTHON" || die "PYTHON=$PYTHON is no Python 3.11 or newer."
        printf '%s\n' "$PYTHON"
        return
    fi
    for name in python3 python3.13 python3.12 python3.11 python3.14 python; do
        if is_python "$name"; then
            printf '%s\n' "$name"
            return
        fi
    done
    found=$(python3 -c 'import platform; print(platform.python_version())' 2>/dev/null) ||
        die "Python 3.11 or newer is needed, and there is no python3 on the path."
    die "Python 3.11 or newer is needed, and python3 is $found; install one, or name it: PYTHON=/path/to/python3 make setup."
}

# Whether .venv can be used. In a tree that was moved or copied its Python works, but its programs
# point to the old place.
is_venv() { is_python "$bin/python" && sed -n 1,2p "$bin/pip" 2>/dev/null | grep -qF "$bin/"; }

make_venv() {
    python=$(find_python)
    "$python" -c 'import venv, ensurepip' >/dev/null 2>&1 ||
        die "$python has no venv module (on Debian and Ubuntu: apt-get install python3-venv)."
    say "Making a virtual environment in .venv with $("$python" --version)."
    rm -rf "$venv"
    "$python" -m venv "$venv" || die "$python could not make a virtual environment in .venv."
}

# Installs uv into the environment. pip's own words go to a log: they are many when it is offline.
add_uv() {
    [ -x "$bin/uv" ] && [ "$("$bin/uv" --version | cut -d ' ' -f 2)" = "$uv_version" ] && return
    say "Installing uv $uv_version into it."
    "$bin/python" -m pip install --quiet --retries 2 "uv==$uv_version" >"$venv/pip.log" 2>&1 ||
        die "pip could not install uv (is the package index in reach?): $(tail -n 1 "$venv/pip.log")"
}

# The package index that pip or uv is told to use instead of the public one, if any.
mirror() {
    printf '%s\n' "${UV_DEFAULT_INDEX:-${UV_INDEX_URL:-$(
        "$bin/python" -m pip config get :env:.index-url 2>/dev/null ||
            "$bin/python" -m pip config get global.index-url 2>/dev/null ||
            "$bin/python" -m pip config get user.index-url 2>/dev/null || :
    )}}"
}

# Installs what uv.lock says, by uv; what else is there stays. With a mirror the same versions,
# checked by the same hashes, come from there: the addresses in the lock are the public index's.
sync_packages() {
    export UV_PROJECT_ENVIRONMENT="$venv" UV_PYTHON="$bin/python" UV_PYTHON_DOWNLOADS=never
    # Where Python is told to write no bytecode, each start would compile all that it imports.
    export UV_COMPILE_BYTECODE=1
    case $1 in
    all) groups=--all-groups ;;
    *) groups=--group=dev ;;
    esac
    index=$(mirror)
    if [ -n "$index" ]; then
        "$bin/uv" export --quiet --frozen $groups --no-emit-project --output-file "$venv/lock.txt" &&
            "$bin/uv" pip install --quiet --index-url "$index" --require-hashes -r "$venv/lock.txt" &&
            "$bin/uv" pip install --quiet --index-url "$index" --no-deps --editable .
        return
    fi
    # Offline, all may still be in uv's cache; only then is its failure online no news.
    "$bin/uv" sync --quiet --locked --inexact $groups 2>"$venv/uv.log" ||
        "$bin/uv" sync --quiet --locked --inexact --offline $groups 2>/dev/null || {
        cat "$venv/uv.log" >&2
        return 1
    }
}

# Sets up .venv, or returns at once, needing no network, where nothing has changed since.
# $1: dev (what tests and checks need) or all (the public data set as well, 130 MB more).
set_up() {
    state="$root $(cat pyproject.toml uv.lock scripts/common.sh | cksum)"
    state_was=$(sed -n 1p "$stamp" 2>/dev/null || :)
    groups_were=$(sed -n 2p "$stamp" 2>/dev/null || :)
    [ "$groups_were" = all ] && groups_wanted=all || groups_wanted=$1
    [ "$state_was" = "$state" ] && [ "$groups_were" = "$groups_wanted" ] && is_venv && return
    is_venv || make_venv
    rm -f "$stamp"
    add_uv
    say "Installing the packages of uv.lock (the first time may take a minute)."
    sync_packages "$groups_wanted" ||
        die "the packages of uv.lock could not be installed; uv's reason is above."
    "$bin/python" -m compileall -q src >/dev/null 2>&1 || : # a file that does not compile tells later
    printf '%s\n%s\n' "$state" "$groups_wanted" >"$stamp"
    say "Set up in .venv."
}
