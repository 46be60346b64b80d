#!/usr/bin/env bash
# A SoftHSM token in another process, which can be killed and come back, behind
# p11-kit's client module:
#
#     eval "$(tests/tokens/p11kit.sh start DIRECTORY)"
#     tests/tokens/p11kit.sh kill|restart|stop DIRECTORY
#
# `start` makes the token unless the directory has it, starts the server and prints
# the variables that describe the token; see README.md beside this. `kill` is SIGKILL
# to the server and its connections, as when a machine dies; `restart` kills and
# starts it on the same token; `stop` kills it and leaves no socket.
set -euo pipefail
here=$(dirname "$0")
. "$here/lib.sh"
[ $# -eq 2 ] || { say "usage: $0 start|kill|restart|stop DIRECTORY"; exit 2; }
dir=$(directory "$2")
socket=$dir/socket

# Each connection is served by a child of the server that outlives it: the group dies.
# A number that by now is another program's is left alone.
kill_server() {
    local pid
    pid=$(cat "$dir/server.pid" 2>/dev/null) || return 0
    if [ ! -e "/proc/$pid" ] || [ "$(cat "/proc/$pid/comm")" = p11-kit-server ]; then
        kill -KILL -- "-$pid" 2>/dev/null || true
    fi
    rm -f "$dir/server.pid"
}

start_server() {
    local variables pid
    kill_server
    # The log too: in the last one's the line stands that is waited for.
    rm -f "$socket" "$dir/server.log"
    # The limit of sockaddr_un on Linux.
    [ ${#socket} -lt 108 ] || { say "$socket: too long for a socket's path"; exit 1; }
    variables=$("$here/softhsm.sh" "$dir/softhsm" remote)
    eval "$variables"
    # A group of its own, led by the server.
    setsid p11-kit server --foreground --name "$socket" \
        --provider "$STRONGROOM_PKCS11_MODULE" "pkcs11:token=$STRONGROOM_PKCS11_TOKEN" \
        >"$dir/server.log" 2>&1 </dev/null &
    pid=$!
    echo "$pid" >"$dir/server.pid"
    for _ in {1..200}; do
        # Printed after listen().
        grep -qs P11_KIT_SERVER_PID "$dir/server.log" && return
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    cat "$dir/server.log" >&2 || true
    say "p11-kit server did not start"
    kill_server
    exit 1
}

case $1 in
    start)
        need p11-kit setsid
        client=$(p11kit_client_module)
        start_server
        export_line P11_KIT_SERVER_ADDRESS "unix:path=$socket"
        print_token "$client" "$STRONGROOM_PKCS11_TOKEN"
        ;;
    kill) kill_server ;;
    restart) start_server ;;
    stop)
        kill_server
        rm -f "$socket"
        ;;
    *) say "$1: not a command"; exit 2 ;;
esac
