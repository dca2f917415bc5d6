# SPDX-License-Identifier: Apache-2.0
# fuzz_all [SECONDS] [NAME...]; sourced by ./dev. New inputs and crashes stay in build/fuzz: a crash that was mended
# belongs into tests/fuzz/corpus/NAME by hand.

fuzz_all() {
  local seconds=60 names=() failed=() name
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
  for name in "${names[@]}"; do
    say "fuzz $name for $seconds s"
    fuzz_one "$name" "$seconds" || failed+=("$name")
  done
  [[ ${#failed[@]} -eq 0 ]] || die "found something in: ${failed[*]} (inputs in build/fuzz)"
  say "nothing found in: ${names[*]}"
}

fuzz_one() {
  local name=$1 seconds=$2 binary corpora=("build/fuzz/$1")
  binary=$(find build/asan -type f -name "${name}_fuzz" -perm -u+x -print -quit)
  [[ -n $binary ]] || die "build/asan has no ${name}_fuzz"
  [[ -d tests/fuzz/corpus/$name ]] && corpora+=("tests/fuzz/corpus/$name")
  mkdir -p "build/fuzz/$name"
  UBSAN_OPTIONS=print_stacktrace=1 "$binary" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="build/fuzz/$name-" "${corpora[@]}"
}
