#!/usr/bin/env bash
# Every test, on a machine that has Rust 1.95 and nothing else (with a later one
# tests/public_api.rs fails where rustdoc's JSON has another format):
#
#     tests/run.sh
#
# The whole suite runs twice: in the debug profile, where arithmetic overflow
# panics, with the documentation's examples; and in release (without link-time
# optimisation), where the tests that count instructions and time apply, and those that
# follow secrets through the code. These run once more on the kernels for AVX-512 with their
# lanes computed one by one, in target/lanes; and what goes through vectors runs once more with
# every fast path switched off, in target/portable.
#
# It installs, where they are absent:
#   * through apt-get, as root or by passwordless sudo: python3 with venv (the
#     other implementations that results are checked against), valgrind (counts
#     instructions, follows secrets), binutils (disassembles), gcc and libc6-dev
#     (Rust's linker), and for PKCS #11: softhsm2, libnss3 with libnss3-tools,
#     p11-kit with p11-kit-modules (tokens), opensc (pkcs11-tool looks at them);
#   * through pip, into target/interop-venv alone: what
#     tests/interop/requirements.txt names.
#
# tests/shim, a PKCS #11 module that misbehaves as told, is built in target/shim, and
# its own tests run first.
#
# The tests learn of it by three variables:
#   STRONGROOM_PYTHON          the interpreter of that venv
#   STRONGROOM_REQUIRE_PEERS   1: a test whose peer is missing fails; unset, as
#                              in a bare `cargo test`, it is skipped and says so
#   STRONGROOM_REQUIRE_TOKENS  1: the same for a PKCS #11 module and its tools
#
# Modules are looked for where distributions put them, and three variables name
# others: tests/tokens/README.md.
#
# Ends with a table and what failed, and non-zero if anything did. Logs: target/test-logs.
set -euo pipefail
cd "$(dirname "$0")/.."

logs=target/test-logs
rm -rf "$logs"
venv=target/interop-venv
mkdir -p "$logs"
export CARGO_TERM_PROGRESS_WHEN=never

say() { printf '\n== %s\n' "$*"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# have MODULE COMMAND: whether both are there; MODULE is a function of tokens/lib.sh.
have() (
    . tests/tokens/lib.sh
    "$1" && command -v "$2"
) >/dev/null 2>&1

install_packages() {
    local missing=()
    command -v cc >/dev/null || missing+=(gcc libc6-dev)
    command -v valgrind >/dev/null || missing+=(valgrind)
    command -v objdump >/dev/null || missing+=(binutils)
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv)
    have softhsm_module softhsm2-util || missing+=(softhsm2)
    have nss_module certutil || missing+=(libnss3 libnss3-tools)
    have p11kit_client_module p11-kit || missing+=(p11-kit p11-kit-modules)
    command -v pkcs11-tool >/dev/null || missing+=(opensc)
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

build_shim() {
    say "tests/shim"
    cargo build --release --locked --manifest-path tests/shim/Cargo.toml \
        --target-dir target/shim </dev/null
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

# What failed, with the beginning of what each failed test said; nothing where nothing failed.
report() {
    local name log
    for name in shim debug release lanes portable; do
        log="$logs/$name.log"
        sed -n "s|^test \(.*\) \.\.\. FAILED\$|  failed in $name.log: \1|p" "$log"
        grep -E '^(error|warning: build failed)' "$log" || true
        # The last list of a binary's output is of its failures; each test has a heading there.
        awk '/^successes:$/ { on = 0 } /^failures:$/ { on = 1; next }
            on && /^---- / { left = 12 } on && left-- > 0' "$log"
    done
}

install_packages
make_venv
build_shim
STRONGROOM_PYTHON="$PWD/$venv/bin/python"
export STRONGROOM_PYTHON STRONGROOM_REQUIRE_PEERS=1 STRONGROOM_REQUIRE_TOKENS=1

suite shim --release --manifest-path tests/shim/Cargo.toml --target-dir target/shim
# Where something panicked is all that these tests want of debug information.
export CARGO_PROFILE_DEV_DEBUG=line-tables-only
suite debug --all-features
# Link-time optimisation of each test binary takes a quarter of a minute, and
# would only make faster what the tests hold to a limit.
export CARGO_PROFILE_RELEASE_LTO=off
# The reports of tests/constant_time.rs name functions that were inlined.
export CARGO_PROFILE_RELEASE_DEBUG=line-tables-only
suite release --release --all-features --lib --tests
# The kernels for AVX-512 with their lanes computed one by one, for valgrind does not know the
# instructions.
export RUSTFLAGS="--cfg strongroom_emulated_lanes"
suite lanes --release --test constant_time --target-dir target/lanes
# Without fast paths, as on other processors.
export RUSTFLAGS="--cfg strongroom_portable"
# Built by both cores: this is about results, and not about what the compiler made of secrets.
export CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
suite portable --release --lib --test rfc --test wycheproof --target-dir target/portable
unset RUSTFLAGS

say "Summary"
printf '%-10s %6s %6s %7s %8s %7s  %s\n' suite passed failed ignored binaries time verdict
printf '%s\n' "${rows[@]}"
report >"$logs/failures.txt"
cat "$logs/failures.txt"
exit "$failed"
