#!/bin/sh
# Installs packages so that a dropped connection or a killed run does no harm: it runs as a unit of its own
# (fleet-setup.service, log in /var/log/fleet-setup.log) and mends what an earlier one left half done.
set -eu
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a
date '+--- %F %T %z'
# apt-daily holds this one while it works: `apt-get update` would not wait for it, but fail.
exec 9>/var/lib/apt/daily_lock
flock -w 300 9 || echo "apt-daily is at work, still"
dpkg --configure -a
apt-get -q -o DPkg::Lock::Timeout=300 update
apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold --no-install-recommends install "$@"
