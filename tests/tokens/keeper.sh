#!/usr/bin/env bash
# Clears up after a test process, however that ends:
#
#     tests/tokens/keeper.sh DIRECTORY
#
# Its input is a pipe that the test process alone holds. It ends with the process, by
# a panic or a SIGKILL too; then the servers that were started below the directory
# are stopped, and the directory is removed.
set -u
dir=$1
cat >/dev/null
for pid in "$dir"/*/server.pid; do
    [ ! -e "$pid" ] || "$(dirname "$0")/p11kit.sh" stop "$(dirname "$pid")"
done
rm -rf -- "$dir"
