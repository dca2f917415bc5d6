# SPDX-License-Identifier: Apache-2.0
# Which files are ours: everything git tracks or would track. Sourced, from the root of the checkout.

ours() { git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do [[ -f $file ]] && echo "$file"; done; }
cpp_sources() { ours '*.cpp' '*.hpp'; }
# What carries a licence line. The rooms' own CMakeLists.txt are a line or two and go without.
licensed_sources() { ours '*.cpp' '*.hpp' '*.sql' '*.sh' '*.cmake' dev .ci/run 'tools/*/*' tests/bench/run ':!*.md'; }

# Sources that differ from the commit before the last one, or are new: what a lint of a change looks at.
changed_cpp() {
  local since
  since=$(git rev-parse --quiet --verify HEAD~ || git rev-parse HEAD)
  { git diff --name-only --diff-filter=d "$since" -- '*.cpp' '*.hpp'
    git ls-files --others --exclude-standard -- '*.cpp' '*.hpp'; } | sort -u
}
