#!/usr/bin/env bash
# SoftHSM tokens in a directory of their own:
#
#     eval "$(tests/tokens/softhsm.sh DIRECTORY [LABEL...])"
#
# Makes a token for each label (`dev` if there is none) that the directory has not
# yet, and prints the variables that describe the first; see README.md beside this.
# SoftHSM reads them once, when a process starts it, and sees no token made later.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
[ $# -gt 0 ] || { say "usage: $0 DIRECTORY [LABEL...]"; exit 2; }

need softhsm2-util
module=$(softhsm_module)
dir=$(directory "$1")
shift
[ $# -gt 0 ] || set -- dev

export SOFTHSM2_CONF=$dir/softhsm2.conf
mkdir -p "$dir/tokens"
chmod 700 "$dir/tokens"
cat >"$SOFTHSM2_CONF" <<CONF
directories.tokendir = $dir/tokens
objectstore.backend = file
log.level = ERROR
slots.removable = false
slots.mechanisms = ALL
CONF

# One after the other: of two at once, one takes the other's slot and fails.
for label; do
    grep -qsxF -- "$label" "$dir/labels" && continue
    softhsm2-util --module "$module" --init-token --free --label "$label" \
        --so-pin 12345678 --pin "$PIN" >&2
    printf '%s\n' "$label" >>"$dir/labels"
done

export_line SOFTHSM2_CONF "$SOFTHSM2_CONF"
print_token "$module" "$1"
