# Sourced by the scripts beside it: where modules are, and how results are printed.
# shellcheck shell=bash

# What is not installed ends a script with this status; the tests skip on it.
NOT_INSTALLED=77

PIN=1234 # of every token here: they hold nothing worth more

say() { printf '%s\n' "$*" >&2; }

need() {
    local command
    for command; do
        command -v "$command" >/dev/null || { say "$command is not installed"; exit "$NOT_INSTALLED"; }
    done
}

# The absolute path of a directory, made if it is not there.
directory() {
    mkdir -p -- "$1"
    (CDPATH='' cd -- "$1" && pwd)
}

# module VARIABLE FILE PATH...: the path that the variable has, or else the first
# that exists.
module() {
    local variable=$1 file=$2 path
    shift 2
    if [ -n "${!variable:-}" ]; then
        [ -e "${!variable}" ] || { say "$variable=${!variable}: no such file"; return 1; }
        printf '%s\n' "${!variable}"
        return
    fi
    for path; do
        [ -e "$path" ] && { printf '%s\n' "$path"; return; }
    done
    say "$file is not installed, or not where it was looked for: $variable can name it"
    return "$NOT_INSTALLED"
}

# This machine's libraries first: with a second architecture's packages, others match.
LIBRARIES="/usr/lib/$(uname -m)-linux-gnu"

softhsm_module() {
    module STRONGROOM_SOFTHSM_MODULE libsofthsm2.so \
        /usr/lib/softhsm/libsofthsm2.so "$LIBRARIES"/softhsm/libsofthsm2.so \
        /usr/lib/*/softhsm/libsofthsm2.so /usr/lib64/softhsm/libsofthsm2.so \
        /usr/lib64/pkcs11/libsofthsm2.so /usr/lib/pkcs11/libsofthsm2.so \
        /usr/local/lib/softhsm/libsofthsm2.so /opt/homebrew/lib/softhsm/libsofthsm2.so
}

nss_module() {
    module STRONGROOM_NSS_MODULE libsoftokn3.so \
        "$LIBRARIES"/libsoftokn3.so "$LIBRARIES"/nss/libsoftokn3.so \
        /usr/lib/*/libsoftokn3.so /usr/lib/*/nss/libsoftokn3.so \
        /usr/lib64/libsoftokn3.so /usr/lib/libsoftokn3.so /usr/local/lib/libsoftokn3.so
}

p11kit_client_module() {
    module STRONGROOM_P11KIT_CLIENT_MODULE p11-kit-client.so \
        "$LIBRARIES"/pkcs11/p11-kit-client.so /usr/lib/*/pkcs11/p11-kit-client.so \
        /usr/lib64/pkcs11/p11-kit-client.so /usr/lib/pkcs11/p11-kit-client.so \
        /usr/local/lib/pkcs11/p11-kit-client.so
}

# Percent-encoding of RFC 7512, section 2.3, of all that is not unreserved.
encode() {
    local LC_ALL=C text=$1 byte at
    for ((at = 0; at < ${#text}; at++)); do
        byte=${text:at:1}
        case $byte in
            [A-Za-z0-9._~-]) printf %s "$byte" ;;
            *) printf '%%%02X' $(($(printf %d "'$byte") & 255)) ;;
        esac
    done
}

# uri MODULE LABEL. A slash may stand as it is in the query alone.
uri() {
    local path
    path=$(encode "$1")
    printf 'pkcs11:token=%s?module-path=%s&pin-value=%s' \
        "$(encode "$2")" "${path//%2F//}" "$(encode "$PIN")"
}

export_line() { printf 'export %s=%q\n' "$1" "$2"; }

# print_token MODULE LABEL [INIT-STRING]: what all tokens have, to be evaluated.
print_token() {
    export_line STRONGROOM_PKCS11_MODULE "$1"
    export_line STRONGROOM_PKCS11_TOKEN "$2"
    export_line STRONGROOM_PKCS11_PIN "$PIN"
    if [ $# -gt 2 ]; then
        export_line STRONGROOM_PKCS11_INIT "$3"
    else
        echo 'unset STRONGROOM_PKCS11_INIT'
    fi
    export_line STRONGROOM_PKCS11_URI "$(uri "$1" "$2")"
}
