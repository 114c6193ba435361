#!/bin/sh
# check.sh BUILD STEP…: the steps of `make check`, one after another, all of them even when one
# fails (A+B: two beside each other); ends with what each said and one line of the form "N passed, N failed".
set -u
build=$1
shift
export BUILD="$build"
passed=0
failed=0
report=

# Stories have their own ports, directories and namespaces, so files of them run beside each other,
# one for each CPU (JOBS= says otherwise); those of one file one after another.
pytest() {
    /usr/bin/python3 -m pytest -q -ra -p no:cacheprovider -c tests/pytest.ini --rootdir=. \
        -n "${JOBS:-$(nproc)}" --dist loadfile "$@"
}

run_step() {
    case $1 in
    unit) make --no-print-directory BUILD="$build" unit ;;
    corpus) make --no-print-directory BUILD="$build" corpus ;;
    layers) make --no-print-directory BUILD="$build" layers ;;
    asan) make --no-print-directory BUILD="$build" -j2 asan ;;
    arm64) make --no-print-directory BUILD="$build" -j2 check-arm64 ;;
    # One story file per flow: seeds and homecoming by a real client, the command line, generated files.
    fast) pytest -m 'not slow' tests/integration/test_cloudinit_client.py \
        tests/integration/test_cli.py tests/integration/test_generated_files.py ;;
    integration) pytest tests/integration ;;
    # The stories on a host of its own are one long file: first, beside all the others.
    e2e) pytest tests/service tests/e2e ;;
    *) echo "check.sh: no step $1" >&2; return 2 ;;
    esac
}

timed_step() { # STEP LOG: runs it; how it went, as a line of the report, to LOG.said
    start=$(date +%s)
    said=ok
    run_step "$1" || said=FAILED
    printf '%-12s %-6s %4ss\n' "$1" "$said" $(($(date +%s) - start)) >"$2.said"
}

note_step() { # LOG
    if grep -q ' ok ' "$1.said"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    report="$report$(cat "$1.said")
"
    rm -f "$1.said"
}

# A+B: A in what B leaves of the machine, behind it in the output.
for steps; do
    main=${steps##*+}
    beside=${steps%"$main"}
    beside=${beside%+}
    if [ -n "$beside" ]; then
        timed_step "$beside" "$build/check-$beside" >"$build/check-$beside.log" 2>&1 &
        behind=$!
        renice -n 5 -p "$behind" >/dev/null || :
    fi
    echo "== $main"
    timed_step "$main" "$build/check-$main"
    note_step "$build/check-$main"
    if [ -n "$beside" ]; then
        wait "$behind"
        echo "== $beside"
        cat "$build/check-$beside.log"
        note_step "$build/check-$beside"
    fi
done
echo "== steps"
printf '%s' "$report"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
