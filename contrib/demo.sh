#!/bin/sh
# make demo: a guest boots, fetches its seed, phones home, stands in the inventory and is logged into.
# Everything lies under BUILD/demo and is gone when all went well, else it is left to be looked at; the
# guest image under BUILD/guest is kept for the next time. BREAK=phone_home shows a guest that does not
# come home.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
demo=$PWD/$build/demo
image=$PWD/$build/guest/debian
guest=hello
defined= # once the fleet was applied
roostd=

say() {
    printf '\n\033[1m%s\033[0m\n' "$*"
}
[ -t 1 ] || say() {
    printf '\n== %s\n' "$*"
}

case ${BREAK:-} in
'' | phone_home) ;;
*) echo "demo: BREAK=$BREAK is not known; it can be phone_home" >&2; exit 2 ;;
esac

# Guests outlive roost: one that a failed demo left is ended by its pid and start time.
end_guests() {
    for file in "$demo"/state/instances/*/qemu.pid; do
        [ -s "$file" ] || continue
        read -r pid started _ <"$file"
        now=$(cut -d' ' -f22 "/proc/$pid/stat" 2>/dev/null) || continue
        [ "$now" != "$started" ] || kill -KILL "$pid" 2>/dev/null || true
    done
}

finish() {
    code=$?
    trap - EXIT INT TERM HUP
    if [ -n "$roostd" ] && kill -0 "$roostd" 2>/dev/null; then
        say "Stopping the guest and roost"
        [ -z "$defined" ] || roost instance remove --force --destroy-disks --yes "$guest" || true
        kill "$roostd"
        wait "$roostd" || true
    fi
    end_guests
    if [ "$code" = 0 ]; then
        rm -rf "$demo"
    elif [ -s "$demo/roostd.log" ] && [ -z "${BREAK:-}" ]; then
        echo "the last lines of $demo/roostd.log:" >&2
        tail -n 15 "$demo/roostd.log" >&2
    fi
    rm -rf "$run"
    exit "$code"
}

# Sockets want a short path (sun_path has 108 bytes).
run=$(mktemp -d /tmp/roost-XXXXXX)
trap finish EXIT
trap 'exit 130' INT TERM HUP

export XDG_RUNTIME_DIR="$run" XDG_CONFIG_HOME="$demo/config" ROOST_STATE="$demo/state"
PATH=$PWD/$build:$PATH

say "The guest image: Debian from its packages (kept in $build/guest/debian)"
sh contrib/guest/debian.sh "$image"

say "Starting roost: three processes, no privilege needed, built-in configuration"
end_guests
rm -rf "$demo"
mkdir -p "$demo/config"
: >"$demo/roostd.log" # there before the background job opens it
set -- -o roost.mode=rootless -o seed.listen=127.0.0.1:0
# A demo of failure need not take as long as a slow machine may.
[ -z "${BREAK:-}" ] || set -- "$@" -o limits.seeded=20s -o limits.tcg-factor=3
roostd "$@" >"$demo/roostd.log" 2>&1 &
roostd=$!
# Until it is ready and has said how guests will run, in either order.
tail -n +1 -f --pid="$roostd" "$demo/roostd.log" |
    sed -n 'p; /ready, /{x; s/$/r/; x}; /accelerator /{x; s/$/a/; x}; x; /ra/q; /ar/q; x'
kill -0 "$roostd" 2>/dev/null || { cat "$demo/roostd.log" >&2; exit 1; }
roost status

say "A fleet of one: who may log in, from which image"
ssh-keygen -q -t ed25519 -N '' -C demo -f "$demo/key"
{
    echo 'identities:'
    echo "  demo: {public-keys: [$demo/key.pub], sudo: true}"
    cat "$image/image.yaml"
    echo 'instances:'
    echo "  $guest:"
    echo '    image: debian'
    echo '    identities: [demo]'
    echo '    groups: [web]'
    echo '    memory: 512M'
    [ -z "${BREAK:-}" ] || echo "    user-data: $demo/user-data.yaml"
} >"$demo/fleet.yaml"
printf '#cloud-config\nvendor_data: {enabled: false}\n' >"$demo/user-data.yaml"
cat "$demo/fleet.yaml"
roost apply -f "$demo/fleet.yaml"
defined=1

say "Launching it, and watching it come home"
roost instance start "$guest"
code=0
roost wait "$guest" --for homed --timeout 20m --overdue || code=$?
if [ "$code" != 0 ]; then
    roost instance list
    exit "$code"
fi

say "Its inventory entry"
roost inventory
say "Its host keys, as it posted them"
roost known-hosts
say "The proof: a login with strict host key checking"
roost ssh -i "$demo/key" "$guest" 'echo "I am $(hostname), home since $(uptime -s), cloud-init: $(cloud-init status 2>/dev/null | head -n 1)"'

say "$guest is home. Now stopping it by ACPI"
roost instance stop "$guest"
roost instance list
