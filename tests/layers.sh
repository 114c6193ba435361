#!/bin/sh
# layers.sh BUILD: the walls between the rooms, read from includes and from what the programs link.
set -u
build=$1
bad=0

complain() {
    echo "layers: $*"
    bad=$((bad + 1))
}

# Includes point downward only; siblings never include each other.
allowed() {
    case $1 in
    base) echo base ;;
    model) echo 'base|model' ;;
    cli) echo 'base|model|cli' ;;
    server) echo 'base|model|seeds|netcfg|bootstrap|ansible|server' ;;
    *) echo "base|model|$1" ;;
    esac
}
rooms='base|model|seeds|netcfg|bootstrap|ansible|server|cli'
for room in base model seeds netcfg bootstrap ansible cli server; do
    lines=$(grep -nE "^#include \"($rooms)/" "$room"/*.[ch] 2>/dev/null |
        grep -vE "#include \"($(allowed "$room"))/")
    [ -z "$lines" ] || complain "include against the plan:
$lines"
done

# One corner knows each library.
corner() {
    header=$1
    shift
    for file in $(grep -lE "^#include <$header" */*.[ch]); do
        for ok; do
            # shellcheck disable=SC2254
            case $file in $ok) continue 2 ;; esac
        done
        complain "$file includes <$header> (only $* may)"
    done
}
corner event2/ base/loop.c
corner microhttpd.h 'server/front*' 'server/api*'
corner sqlite3.h 'server/store*'
corner yaml.h 'base/yaml*'
corner curl/ 'cli/*' 'base/http*' 'server/fetch*'
corner libsmartcols 'cli/*'
corner zlib.h 'seeds/gunzip*' 'bootstrap/unpack*'
corner lzma.h 'bootstrap/unpack*'
corner zstd.h 'bootstrap/unpack*'
corner iniparser 'server/config*'
corner netlink/ 'netcfg/link*' 'netcfg/tap*'
corner libisofs 'seeds/cidata*'
corner crypt.h 'cli/password*'
corner linux/if_tun.h 'netcfg/link*' 'netcfg/tap*'

# What a program links: no SQL, YAML or HTTP client in roost-front; no parser of guest bytes, JSON,
# YAML or SQL in roostd.
links() {
    readelf -d "$build/$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
}
refuse() {
    program=$1
    shift
    [ -x "$build/$program" ] || { complain "$build/$program is not built"; return; }
    for lib; do
        if links "$program" | grep -q "^lib$lib\."; then
            complain "$program links lib$lib"
        fi
    done
}
refuse roost-front sqlite3 yaml yaml-0 curl jansson smartcols z isofs
refuse roostd sqlite3 yaml yaml-0 curl jansson smartcols microhttpd z isofs
refuse roost-core curl smartcols lzma zstd
refuse roost-fetch sqlite3 yaml yaml-0 jansson smartcols microhttpd event event_core iniparser isofs
refuse roost-unbundle sqlite3 curl smartcols microhttpd event event_core iniparser z isofs
refuse roost sqlite3 microhttpd event event_core iniparser isofs
refuse roost-lease sqlite3 yaml yaml-0 curl jansson smartcols microhttpd event event_core iniparser z isofs
refuse roost-inventory sqlite3 yaml yaml-0 curl smartcols microhttpd event event_core iniparser z isofs
refuse roost-run sqlite3 yaml yaml-0 curl smartcols microhttpd iniparser z isofs
for symbol in homecoming_parse report_parse userdata_inspect route_parse; do
    if nm "$build/roostd" 2>/dev/null | grep -q " T $symbol$"; then
        complain "roostd holds a parser of guest bytes: $symbol"
    fi
done

if [ "$bad" = 0 ]; then
    echo '1 passed, 0 failed'
else
    echo "0 passed, $bad failed"
    exit 1
fi
