#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run_docs.sh readme|quickstart|commands|migrate-from-nanomdm MOORING DIR: runs the commands of README.md or docs/PAGE.md as they are printed,
# against MOORING, with DIR and free ports in place of the usual ones. A command that fails, or an answer that is not a
# success, fails the run.
set -euo pipefail
page=$1 binary=$(realpath "$2") dir=$3
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

blocks() { # blocks FILE [HEADING]: its sh blocks, all or those below HEADING
  awk -v heading="${2:-}" '
    BEGIN { inside = heading == "" }
    heading != "" && /^## / { inside = $0 == "## " heading }
    /^```/ { if (code) code = 0; else code = $0 == "```sh"; next }
    inside && code' "$1"
}

await() { # await FILE TEXT SECONDS
  for _ in $(seq $(($3 * 5))); do
    grep -q "$2" "$1" 2>/dev/null && return
    sleep 0.2
  done
  cat "$1" >&2
  echo "run_docs: no '$2' within $3 s" >&2
  exit 1
}

started=
end() {
  [[ -z $started ]] || kill -TERM "$started" 2>/dev/null || true
  [[ -z $started ]] || wait "$started" 2>/dev/null || true
  # A page that failed half-way has not stopped its server.
  [[ ! -f $dir/server/mooring.pid ]] || kill -TERM "$(cat "$dir/server/mooring.pid")" 2>/dev/null || true
}
trap end EXIT

mkdir -p "$dir"
commands=$dir/commands.sh
case $page in
  readme)
    "$binary" demo --devices 20 --data-dir "$dir/demo" --api-listen 127.0.0.1:0 --device-listen 127.0.0.1:0 \
      >"$dir/demo.out" 2>&1 &
    started=$!
    await "$dir/demo.out" 'stay up' 150
    blocks README.md "Ten commands to try next" | sed "s|/tmp/mooring-demo|$dir/demo|g" >"$commands"
    ;;
  quickstart | commands | migrate-from-nanomdm)
    # The others go on where the first is about to stop the server.
    if [[ $page != quickstart ]]; then
      blocks docs/quickstart.md | grep -v -e '^kill %1' -e '^wait %1'
      blocks "docs/$page.md"
      printf 'kill %%1\nwait %%1\n'
    else
      blocks docs/quickstart.md
    fi | sed -e '/^\.\/dev build/d' -e "s|build/release/mooring|$binary|" \
      -e "s|127.0.0.1:8443|127.0.0.1:$((20000 + $$ % 5000))|" -e "s|127.0.0.1:8000|127.0.0.1:$((25000 + $$ % 5000))|" \
      -e "s|^data=.*|data=$dir/server|" >"$commands"
    rm -rf "$dir/server"*
    ;;
esac
sed -i -e 's/curl -sS/curl -sSf/' "$commands"
grep -q 'curl -sSf' "$commands"
bash -veuo pipefail "$commands"
