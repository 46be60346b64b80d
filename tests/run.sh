#!/usr/bin/env bash
# Every test, on a machine that has a Rust toolchain and nothing else:
#
#     tests/run.sh
#
# The whole suite runs twice: in the debug profile, where arithmetic overflow
# panics, with the documentation's examples; and in release (without link-time
# optimisation), where the tests that count instructions and time apply.
#
# It installs, where they are absent:
#   * through apt-get, as root or by passwordless sudo: python3 with venv (the
#     other implementations that results are checked against), valgrind (counts
#     instructions), gcc and libc6-dev (Rust's linker);
#   * through pip, into target/interop-venv alone: what
#     tests/interop/requirements.txt names.
#
# The tests learn of it by two variables:
#   STRONGROOM_PYTHON         the interpreter of that venv
#   STRONGROOM_REQUIRE_PEERS  1: a test whose peer is missing fails; unset, as
#                             in a bare `cargo test`, it is skipped and says so
#
# Ends with a table, and non-zero if anything failed. Logs: target/test-logs.
set -euo pipefail
cd "$(dirname "$0")/.."

logs=target/test-logs
venv=target/interop-venv
mkdir -p "$logs"
export CARGO_TERM_PROGRESS_WHEN=never

say() { printf '\n== %s\n' "$*"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

install_packages() {
    local missing=()
    command -v cc >/dev/null || missing+=(gcc libc6-dev)
    command -v valgrind >/dev/null || missing+=(valgrind)
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv)
    [ ${#missing[@]} -gt 0 ] || return 0
    say "apt-get install ${missing[*]}"
    as_root apt-get update -qq </dev/null
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null
}

# The venv is made again when what it is made from has changed.
make_venv() {
    local wanted stamp="$venv/requirements.installed"
    wanted=tests/interop/requirements.txt
    if [ ! -x "$venv/bin/python" ] || ! cmp -s "$wanted" "$stamp"; then
        say "Python packages of $wanted"
        rm -rf "$venv"
        python3 -m venv "$venv"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
            --requirement "$wanted" </dev/null
        cp "$wanted" "$stamp"
    fi
}

failed=0
rows=()

# suite NAME CARGO-TEST-ARGUMENT...: runs on after a failure, and adds a row.
suite() {
    local name=$1 log="$logs/$1.log" start=$SECONDS verdict=ok counts
    shift
    say "$name: cargo test $*"
    if ! cargo test --locked --no-fail-fast "$@" -- --show-output </dev/null 2>&1 | tee "$log"; then
        verdict=FAILED
        failed=1
    fi
    counts=$(awk '/^test result:/ { binaries++; passed += $4; failed += $6; ignored += $8 }
        END { printf "%6d %6d %7d %8d", passed, failed, ignored, binaries }' "$log")
    rows+=("$(printf '%-10s %s %6ds  %s' "$name" "$counts" $((SECONDS - start)) "$verdict")")
}

install_packages
make_venv
STRONGROOM_PYTHON="$PWD/$venv/bin/python"
export STRONGROOM_PYTHON STRONGROOM_REQUIRE_PEERS=1

suite debug --all-features
# Link-time optimisation of each test binary takes a quarter of a minute, and
# would only make faster what the tests hold to a limit.
export CARGO_PROFILE_RELEASE_LTO=off
suite release --release --all-features --lib --tests

say "Summary"
printf '%-10s %6s %6s %7s %8s %7s  %s\n' suite passed failed ignored binaries time verdict
printf '%s\n' "${rows[@]}"
for log in "$logs"/debug.log "$logs"/release.log; do
    sed -n "s|^test \(.*\) \.\.\. FAILED\$|  failed in $(basename "$log" .log): \1|p" "$log"
done
exit "$failed"
