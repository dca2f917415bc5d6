# SPDX-License-Identifier: Apache-2.0
# Apple's published device management schema (https://github.com/apple/device-management) as one table of facts.
# The YAML is read from apple/ in $MOORING_SHARED, by default a folder beside the checkout. Sourced, from the root.

schema_source() { printf '%s\n' "${MOORING_SHARED:-../shared}/apple"; }
schema_generator() { find build/release -type f -name schema_gen -perm -u+x -print -quit 2>/dev/null || true; }

generate_schema() {
  [[ -d $(schema_source) ]] || die "no schema in $(schema_source): set MOORING_SHARED"
  build_targets release schema_gen
  say "make schema/apple.tsv"
  "$(schema_generator)" "$(schema_source)" schema/apple.tsv
}
