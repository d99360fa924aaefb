#!/bin/sh
# Installs packages so that a dropped connection or a killed run does no harm: it runs as a unit of its own
# (fleet-setup.service, log in /var/log/fleet-setup.log) and mends what an earlier one left half done.
set -eu
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a
date '+--- %F %T %z'
dpkg --configure -a
apt-get -q -o DPkg::Lock::Timeout=300 update
apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold --no-install-recommends install "$@"
