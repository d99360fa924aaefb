#!/bin/sh
# Restarts Docker with its new settings, once it is sure that it can read them beside the flags it is started with.
# A Docker that then does not start gets the settings back that it had, and is started with those.
set -eu
settings=/etc/docker/daemon.json
pid=$(cat /run/docker.pid 2>/dev/null || true)
if [ -n "$pid" ] && dockerd --help 2>&1 | grep -q -e --validate; then
    tr '\0' '\n' <"/proc/$pid/cmdline" | tail -n +2 | xargs -d '\n' dockerd --validate >/dev/null
fi
# Read at once: containers, also those that are not ours, then live through the restart.
systemctl reload docker 2>/dev/null || true
sleep 1
systemctl restart docker && exit 0
journalctl -u docker -n 5 -o cat --no-pager >&2
if [ -e $settings.before-fleet ]; then cp -p $settings.before-fleet $settings; else rm -f $settings; fi
systemctl reset-failed docker 2>/dev/null || true
systemctl restart docker
exit 1
