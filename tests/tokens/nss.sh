#!/usr/bin/env bash
# The token of NSS softokn in a directory of its own:
#
#     eval "$(tests/tokens/nss.sh DIRECTORY)"
#
# Makes the key database unless the directory has one, and prints the variables that
# describe the token; see README.md beside this. The module wants the string in
# STRONGROOM_PKCS11_INIT as pReserved of C_Initialize. No URI attribute carries it.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
[ $# -eq 1 ] || { say "usage: $0 DIRECTORY"; exit 2; }

need certutil
module=$(nss_module)
dir=$(directory "$1")
case $dir in
    *[\'\\]*) say "$dir: softokn's parameters have no room for these characters"; exit 1 ;;
esac

if [ ! -e "$dir/key4.db" ]; then
    (umask 077 && printf '%s\n' "$PIN" >"$dir/pin")
    certutil -N -d "sql:$dir" -f "$dir/pin" >&2
fi

print_token "$module" 'NSS Certificate DB' \
    "configdir='sql:$dir' certPrefix='' keyPrefix='' secmod='secmod.db' flags="
