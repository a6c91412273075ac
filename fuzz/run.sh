#!/usr/bin/env bash
# fuzz/run.sh NAME BUILD_DIRECTORY: runs one libFuzzer program for PROTOBASE_FUZZ_SECONDS (8), with
# bounded memory. Starts from fuzz/corpus/NAME and what earlier runs learnt (BUILD_DIRECTORY/corpus);
# an input that breaks something is left in BUILD_DIRECTORY/findings/NAME. What was done is summed up in BUILD_DIRECTORY/fuzz/NAME.sum.
set -euo pipefail
name=$1
build=$2
source=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
seconds=${PROTOBASE_FUZZ_SECONDS:-8}

# Longest input in bytes: what the shortest input of each interesting kind needs, and some more.
case $name in
  base64 | utf8 | pointer | location | commit_record | root_file) max_len=512 ;;
  config | legacy_root | s3_xml | cloud_log | cloud_journal) max_len=1024 ;;
  record | msgpack | json | legacy_wal) max_len=4096 ;;
  wal | wal_header) max_len=8192 ;;
  *) echo "fuzz/run.sh: no length for target $name" >&2; exit 2 ;;
esac

findings=$build/findings/$name
log=$build/fuzz/$name.log
sum=$build/fuzz/$name.sum
mkdir -p "$build/corpus/$name" "$findings"
rm -f "$sum"
status=0
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=32 \
  "$build/fuzz/fuzz_$name" -max_total_time="$seconds" -max_len="$max_len" -timeout=10 \
  -rss_limit_mb=512 -malloc_limit_mb=128 -print_final_stats=1 -artifact_prefix="$findings/" \
  "$build/corpus/$name" "$source/corpus/$name" >"$log" 2>&1 || status=$?
if (( status != 0 )); then
  tail -n 60 "$log"
  echo "fuzz_$name: FAILED, see $log; add the input in $findings to fuzz/corpus/$name once fixed"
  exit "$status"
fi
executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
memory=$(sed -n 's/^stat::peak_rss_mb: *//p' "$log")
coverage=$(sed -n 's/.* cov: \([0-9]*\) ft: \([0-9]*\) .*/cov \1, features \2/p' "$log" | tail -n 1)
echo "fuzz_$name: $executions executions in $seconds s, $coverage, peak memory $memory MB" | tee "$sum"
