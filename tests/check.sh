#!/bin/sh
# check.sh BUILD STEP…: the steps of `make check`, one after another, all of them even when one
# fails; ends with what each said and one line of the form "N passed, N failed".
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
    e2e) pytest tests/e2e ;;
    *) echo "check.sh: no step $1" >&2; return 2 ;;
    esac
}

for step; do
    echo "== $step"
    start=$(date +%s)
    if run_step "$step"; then
        passed=$((passed + 1))
        said=ok
    else
        failed=$((failed + 1))
        said=FAILED
    fi
    report="$report$(printf '%-12s %-6s %4ss' "$step" "$said" $(($(date +%s) - start)))
"
done
echo "== steps"
printf '%s' "$report"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
