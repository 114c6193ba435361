#!/bin/sh
# Runs fuzz targets over their corpora: run-corpus.sh BUILD BIN...
# BIN's inputs are tests/fuzz/corpus/NAME/*; each counts as one test (with all of its mutations).
# A crash counts as one failure, and so does a target without a corpus. The input of a crash is kept as
# BUILD/tests/log/NAME.crash. Output is shown on failure only, always with DEBUG=1.
# CORPUS_LIMIT: seconds per target (300). FUZZ_MUTATIONS: of each input (2000).
set -u

build=$1
shift
limit=${CORPUS_LIMIT:-300}
logs=$build/tests/log
cd "$(dirname "$0")/.." || exit 1
mkdir -p "$logs"
passed=0
failed=0

for bin in "$@"; do
    name=${bin##*/}
    log=$logs/corpus-$name.log
    status=0
    rm -f "$logs/$name.crash"
    FUZZ_CRASH=$logs/$name.crash timeout -k 5 "$limit" "$bin" "tests/fuzz/corpus/$name" \
        >"$log" 2>&1 </dev/null || status=$?
    ok=$(grep -c '^ok ' "$log")
    [ "$status" -ne 124 ] || echo "time limit of $limit s passed" >>"$log"
    [ "$ok" -gt 0 ] || echo "no input of tests/fuzz/corpus/$name ran to its end" >>"$log"
    passed=$((passed + ok))
    if [ "$status" -ne 0 ] || [ "$ok" -eq 0 ]; then
        failed=$((failed + 1))
        echo "--- $name (status $status)"
        cat "$log"
    elif [ "${DEBUG:-}" = 1 ]; then
        cat "$log"
    fi
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
