#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The measure of upgrade_cluster.yml: the bare kubeadm, drain and kubelet steps of one road as a plain ssh
# script, in the same order. No plan, no gates, no snapshot, no verification, no load balancer. Images are stages of
# their own, and no part of the measure.
#
#   NODES="cp1=10.0.0.1 ..."  VERSIONS="1.35.6 1.36.3" one a hop  SSH_KEY=path  IGNORE_PREFLIGHT
set -euo pipefail

: "${VERSIONS:?}" "${IGNORE_PREFLIGHT:=none}"
# shellcheck source=tests/benchmarks/nodes.sh
source "$(dirname "$0")/nodes.sh"

first=$(tr ' ' '\n' <<<"$NODES" | head -n 1)

upgrade() { # upgrade NAME ADDRESS VERSION: kubeadm, and what it does on this node
  local step=node
  [[ "$1=$2" == "$first" ]] && step="apply --yes v$3"
  on "$2" <<NODE
install -m 0755 $BUNDLE_ON_NODE/kubernetes/v$3/amd64/kubeadm /usr/bin/
kubeadm upgrade $step --ignore-preflight-errors=$IGNORE_PREFLIGHT >/run/upgrade.log
NODE
}

# Without a load balancer that knows, the endpoint also leads to an API server that is just starting.
kubectl_on_first() {
  local attempt
  for attempt in {1..30}; do
    on "${first#*=}" <<<"kubectl --kubeconfig /etc/kubernetes/admin.conf $* >/dev/null" && return
    echo "attempt $attempt of kubectl $1 failed"
    sleep 1
  done
  return 1
}

kubelet() { # kubelet NAME ADDRESS VERSION
  kubectl_on_first drain "$1" --ignore-daemonsets --timeout=300s
  [[ $1 == cp* ]] || upgrade "$@"
  on "$2" <<NODE
install -m 0755 $BUNDLE_ON_NODE/kubernetes/v$3/amd64/{kubelet,kubectl} /usr/bin/
systemctl restart kubelet
NODE
  kubectl_on_first wait --for="jsonpath={.status.nodeInfo.kubeletVersion}=v$3" "node/$1" --timeout=120s
  kubectl_on_first wait --for=condition=Ready "node/$1" --timeout=120s
  kubectl_on_first uncordon "$1"
}

one_by_one() { # one_by_one FUNCTION PATTERN ARGUMENT...
  local function=$1 pattern=$2 node
  shift 2
  for node in $NODES; do
    # shellcheck disable=SC2053
    [[ ${node%=*} == $pattern ]] || continue
    "$function" "${node%=*}" "${node#*=}" "$@"
  done
}

for version in $VERSIONS; do
  stage "images of $version"
  each import_images '*' "$version"
  stage "API servers to $version"
  one_by_one upgrade 'cp*' "$version"
  stage "kubelets of control planes to $version"
  one_by_one kubelet 'cp*' "$version"
  stage "workers to $version"
  one_by_one kubelet 'w*' "$version"
done
stage end
