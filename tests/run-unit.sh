#!/bin/sh
# Runs unit tests: run-unit.sh BUILD BIN...
# Counts cmocka's tests, not programs; a program that crashes, hangs or leaves tests unrun counts as
# one failure more. Output is shown of failing programs only, of all with DEBUG=1.
# UNIT_LIMIT: seconds per program (120). A skipped test is neither passed nor failed.
set -u

build=$1
shift
limit=${UNIT_LIMIT:-120}
logs=$build/tests/log
export CMOCKA_MESSAGE_OUTPUT=STDOUT
cd "$(dirname "$0")/.." || exit 1
mkdir -p "$logs"
passed=0
failed=0
skipped=0

# Sum of the numbers that stand after a mark at the start of a line: count MARK FILE
count()
{
    awk -v mark="$1" 'index($0, mark) == 1 { sum += substr($0, length(mark) + 1) + 0 }
                      END { print sum + 0 }' "$2"
}

for bin in "$@"; do
    name=${bin#"$build"/tests/unit/}
    log=$logs/unit-$(printf %s "$name" | tr / -).log
    status=0
    timeout -k 5 "$limit" "$bin" >"$log" 2>&1 </dev/null || status=$?
    ran=$(count '[==========] Running ' "$log")
    ok=$(count '[  PASSED  ] ' "$log")
    bad=$(count '[  FAILED  ] ' "$log")
    skip=$(count '[  SKIPPED ] ' "$log")
    [ "$status" -ne 124 ] || echo "time limit of $limit s passed" >>"$log"
    # A summary must account for every test, and the exit status must agree with it.
    if [ "$ran" -eq 0 ] || [ $((ok + bad + skip)) -lt "$ran" ] ||
        { [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; }; then
        bad=$((bad + 1))
        echo "$bin ended with status $status before all of its tests were done" >>"$log"
    fi
    passed=$((passed + ok))
    failed=$((failed + bad))
    skipped=$((skipped + skip))
    if [ "$bad" -gt 0 ] || [ "${DEBUG:-}" = 1 ]; then
        echo "--- $name (status $status)"
        cat "$log"
    fi
done

[ "$skipped" -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
