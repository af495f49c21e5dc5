#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh STAGE...: runs stages of the tests, says for each what it runs and how it ended,
# goes on after a failure, and ends with one line and the exit code. The Makefile has built
# everything before. Stages: layers, unit, fuzz, system; fuzz-long, soak.
# FUZZ_RUNS, FUZZ_SECONDS, PYTEST_FLAGS and BUILD change what they do.
set -u

cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build}
logs=$build/test-logs
mkdir -p "$logs"
SOCLE_BUILD=$(cd "$build" && pwd)
SOCLE_TOOL=$SOCLE_BUILD/socle
export SOCLE_BUILD SOCLE_TOOL
failed=

run_layers()
{
    make --no-print-directory BUILD="$build" check-layers
}

# Prints cmocka's summary of each program; all of its output when it fails.
run_unit()
{
    bad=0 passed=0
    for source in tests/unit/test_*.c; do
        name=$(basename "$source" .c)
        log=$logs/$name.txt
        if "$build/unit/$name" >"$log" 2>&1; then
            line=$(grep '  PASSED  ' "$log" | tail -n 1)
            echo "$name: $line"
            passed=$((passed + $(echo "$line" | sed 's/[^0-9]//g')))
        else
            cat "$log"
            echo "$name: FAILED"
            bad=$((bad + 1))
        fi
    done
    echo "unit tests: $passed passed, $bad programs failed"
    [ "$bad" = 0 ]
}

# The parsers of what people write get most runs.
runs_of()
{
    case $1 in
    fuzz_config | fuzz_image) echo "${FUZZ_RUNS:-100000}" ;;
    *)                        echo "${FUZZ_RUNS:-20000}" ;;
    esac
}

# Each starts from the kept inputs (tests/fuzz/corpus) and leaves them unchanged.
# shellcheck disable=SC2086
# $1: bound given to libFuzzer, empty: so many runs.
fuzz_all()
{
    bad=0
    for source in tests/fuzz/fuzz_*.c; do
        name=$(basename "$source" .c)
        bound=${1:--runs=$(runs_of "$name")}
        out=$build/fuzz/out/$name log=$logs/$name.txt
        mkdir -p "$out"
        corpus=
        [ -d "tests/fuzz/corpus/$name" ] && corpus=tests/fuzz/corpus/$name
        [ -n "$1" ] || rm -rf "${out:?}"/*
        if "$build/fuzz/$name" "$bound" -seed=1 -max_len=8192 -timeout=10 -rss_limit_mb=2048 \
            -print_final_stats=1 -artifact_prefix="$build/fuzz/$name-" \
            "$out" $corpus >"$log" 2>&1; then
            echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") runs, no finding"
        else
            tail -n 60 "$log"
            echo "$name: FAILED; the input is in $build/fuzz/"
            bad=$((bad + 1))
        fi
    done
    [ "$bad" = 0 ]
}

run_fuzz() { fuzz_all ''; }
run_fuzz_long() { fuzz_all "-max_total_time=${FUZZ_SECONDS:-60}"; }

# shellcheck disable=SC2086
run_system()
{
    /usr/bin/python3 -B -m pytest tests/system ${PYTEST_FLAGS:---durations=5} </dev/null
}

# shellcheck disable=SC2086
run_soak()
{
    /usr/bin/python3 -B -m pytest tests/system -m soak ${PYTEST_FLAGS:---durations=5} </dev/null
}

for stage in "$@"; do
    case $stage in
    layers)    what="layers and sizes"; run=run_layers ;;
    unit)      what="unit tests, natively under ASan and UBSan"; run=run_unit ;;
    fuzz)      what="fuzzing, a bounded number of runs"; run=run_fuzz ;;
    fuzz-long) what="fuzzing, ${FUZZ_SECONDS:-60} seconds each"; run=run_fuzz_long ;;
    system)    what="system tests: real guests in emulated machines"; run=run_system ;;
    soak)      what="long system tests"; run=run_soak ;;
    *)         echo "run.sh: there is no stage \"$stage\"" >&2; exit 2 ;;
    esac
    echo "==== $what"
    start=$(date +%s)
    if $run; then
        echo "==== $stage: passed ($(($(date +%s) - start)) s)"
    else
        echo "==== $stage: FAILED ($(($(date +%s) - start)) s)"
        failed="$failed $stage"
    fi
done

if [ -n "$failed" ]; then
    echo "FAILED:$failed (logs: $logs)"
    exit 1
fi
echo "All tests passed: $*"
