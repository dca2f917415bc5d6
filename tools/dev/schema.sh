# SPDX-License-Identifier: Apache-2.0
# Apple's published device management schema (https://github.com/apple/device-management) as one table of facts.
# The YAML is read from apple/ in $MOORING_SHARED, by default a folder beside the checkout. Sourced, from the root.

schema_source() { printf '%s\n' "${MOORING_SHARED:-../shared}/apple"; }

# generate_schema OUTPUT [GENERATOR]
generate_schema() {
  local output=$1 generator=${2:-}
  [[ -d $(schema_source) ]] || { echo "no schema in $(schema_source): set MOORING_SHARED" >&2; return 1; }
  [[ -n $generator ]] || generator=$(find build/release -type f -name schema_gen -perm -u+x -print -quit)
  "$generator" "$(schema_source)" >"$output.new" && mv "$output.new" "$output"
}
