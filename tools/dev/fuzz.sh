# SPDX-License-Identifier: Apache-2.0
# fuzz_all [SECONDS] [NAME...]; sourced by ./dev. New inputs, crashes and logs stay in build/fuzz: a crash that
# was mended belongs into tests/fuzz/corpus/NAME by hand.

fuzz_all() {
  local seconds=60 names=() name
  if [[ ${1:-} =~ ^[0-9]+$ ]]; then
    seconds=$1
    shift
  fi
  if [[ $# -gt 0 ]]; then
    names=("${@%_fuzz}")
  else
    for name in tests/fuzz/*_fuzz.cpp; do
      [[ -f $name ]] && names+=("$(basename "$name" _fuzz.cpp)")
    done
  fi
  [[ ${#names[@]} -gt 0 ]] || die "there is no tests/fuzz/*_fuzz.cpp"

  build_targets asan "${names[@]/%/_fuzz}"
  say "fuzz for $seconds s each: ${names[*]}"
  export -f fuzz_one
  printf '%s\n' "${names[@]}" | xargs -P "$(nproc)" -I{} bash -c 'fuzz_one {} "$1"' fuzz_one "$seconds" ||
    die "something was found (inputs in build/fuzz, by hand into tests/fuzz/corpus once it is mended)"
  say "nothing found in: ${names[*]}"
}

# The output of a target is shown only where it found something: several run at once.
fuzz_one() {
  local name=$1 seconds=$2 binary corpora=("build/fuzz/$1")
  binary=$(find build/asan -type f -name "${name}_fuzz" -perm -u+x -print -quit)
  [[ -n $binary ]] || { echo "build/asan has no ${name}_fuzz" >&2; return 1; }
  [[ -d tests/fuzz/corpus/$name ]] && corpora+=("tests/fuzz/corpus/$name")
  mkdir -p "build/fuzz/$name"
  if UBSAN_OPTIONS=print_stacktrace=1 "$binary" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="build/fuzz/$name-" "${corpora[@]}" >"build/fuzz/$name.log" 2>&1; then
    echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/$name.log") inputs"
  else
    tail -n 80 "build/fuzz/$name.log" >&2
    echo "$name: found something" >&2
    return 1
  fi
}
