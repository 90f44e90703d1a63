# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# What the benchmarks' plain scripts share: commands on nodes over ssh, images, stages with their seconds.
#
#   NODES="cp1=10.0.0.1 cp2=... w1=..."  cp* are control planes
#   SSH_KEY=path  BUNDLE_ON_NODE=directory
: "${NODES:?}" "${SSH_KEY:?}" "${BUNDLE_ON_NODE:=/var/lib/kubeops/bundle}"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

on() { # on ADDRESS: runs the script on standard input there
  ssh -q -i "$SSH_KEY" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -o ControlMaster=auto -o ControlPersist=60 -o ControlPath="$scratch/%h" "root@$1" bash -seuo pipefail
}

import_images() { # import_images NAME ADDRESS VERSION
  on "$2" <<NODE
python3 - <<'F' | xargs -n 1 ctr -n k8s.io images import >/dev/null
import json
files = json.load(open("$BUNDLE_ON_NODE/manifest.json"))["files"]
roles = {"node", "test", "control_plane"} if "$1".startswith("cp") else {"node", "test"}
for f in files:
    if f["kind"] == "image" and f["role"] in roles and (not f["kubernetes"] or "v$3" in f["kubernetes"]):
        print("$BUNDLE_ON_NODE/" + f["path"])
F
NODE
}

each() { # each FUNCTION PATTERN ARGUMENT...: all matching nodes at once
  local function=$1 pattern=$2 jobs=() node
  shift 2
  for node in $NODES; do
    # shellcheck disable=SC2053
    [[ ${node%=*} == $pattern ]] || continue
    "$function" "${node%=*}" "${node#*=}" "$@" & jobs+=($!)
  done
  for job in "${jobs[@]}"; do wait "$job"; done
}

stage() { # stage NAME: says how long the one before it took
  echo "  $((SECONDS - since)) s  $now" >&2
  now=$1 since=$SECONDS
}
now=start since=$SECONDS
