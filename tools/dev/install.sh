#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# install.sh PACKAGE...: as root; apt-get, without starting any service and without making a PostgreSQL cluster.
set -euo pipefail

get() { DEBIAN_FRONTEND=noninteractive apt-get -y -q --no-install-recommends -o Dpkg::Use-Pty=0 "$@"; }
wanted() { [[ " ${packages[*]} " == *" $1 "* ]]; }
packages=("$@")

get update

# While this file says 101, Debian's maintainer scripts start nothing (invoke-rc.d(8)).
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod 755 $policy
  trap 'rm -f $policy' EXIT
fi

clusters=/etc/postgresql-common/createcluster.conf
if wanted postgresql && [[ ! -e $clusters ]]; then
  get install postgresql-common
  sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' $clusters
fi

get install "${packages[@]}"

for package in prometheus slapd certmonger nghttp2-proxy; do
  service=${package/nghttp2-proxy/nghttpx}
  if wanted $package && [[ -d /run/systemd/system ]]; then
    systemctl disable --quiet $service.service
  fi
done
