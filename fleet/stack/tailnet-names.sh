#!/bin/sh
# Written by fleet. Keeps the addresses of a few names of the tailnet where the host, its Docker daemon and all
# containers find them: in a block of /etc/hosts, and in a file that fleet-dns.service reads. They are found there
# whether or not the host takes its DNS from the tailnet, and while tailscaled restarts. A name that is no device of
# the tailnet is left to the host's own DNS.
#   tailnet-names keep NAME...     once; fleet-names.timer does it every minute
#   tailnet-names check NAME...    fails with a sentence when one of them has no address
#   tailnet-names forget           takes all of this away again
set -eu
kept=/opt/fleet/tailnet-hosts
begin='# fleet: names of the tailnet, kept by fleet-names.timer'
end='# fleet: end'

keep() {
    # What is not known now is kept as it was.
    tailscale status --peers=false >/dev/null 2>&1 || return 0
    exec 9>$kept.lock
    flock 9
    touch $kept
    domain=$(tailscale status --json --peers=false | sed -n 's/^  "MagicDNSSuffix": "\(.*\)",$/\1/p')
    for name in "$@"; do line_of "$name"; done >$kept.new
    if cmp -s $kept.new $kept; then changed=; else changed=yes; fi
    mv $kept.new $kept
    block_in /etc/hosts
    [ -z "$changed" ] || systemctl reload fleet-dns.service
}

line_of() {
    case $1 in *.*) asked=$1 ;; *) asked=$1.$domain ;; esac
    answer=$(timeout 5 tailscale dns query "$asked" A 2>/dev/null) || answer=
    case $answer in
        *RCodeSuccess* | *RCodeNameError*)
            # The tailnet's own addresses only, 100.64.0.0/10: others the host's DNS knows as well.
            echo "$answer" | awk -v name="$1" \
                '$4 == "TypeA" { split($5, n, "."); if (n[1] == 100 && n[2] >= 64 && n[2] < 128) print $5, name }' ;;
        *) grep " $1\$" $kept || true ;;
    esac
}

block_in() {
    {
        sed "/^$begin\$/,/^$end\$/d" "$1"
        if [ -s $kept ]; then echo "$begin"; cat $kept; echo "$end"; fi
    } >"$1.fleet"
    # In a container /etc/hosts is mounted: it can be written, and not replaced.
    cmp -s "$1.fleet" "$1" || mv "$1.fleet" "$1" 2>/dev/null || cat "$1.fleet" >"$1"
    rm -f "$1.fleet"
}

check() {
    for name in "$@"; do
        has_address "$name" || {
            echo "$name has no address on this host: neither the tailnet nor its DNS knows it" >&2
            exit 1
        }
    done
}

# A machine that has just joined learns of the others within seconds.
has_address() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        if getent ahosts "$1" >/dev/null; then return 0; fi
        sleep 1
        # shellcheck disable=SC2086  # a list of words on purpose
        keep $names
    done
    return 1
}

forget() {
    systemctl disable --now --quiet fleet-names.timer fleet-dns.service || true
    rm -f /etc/systemd/system/fleet-names.timer /etc/systemd/system/fleet-names.service \
        /etc/systemd/system/fleet-dns.service
    systemctl daemon-reload
    : >$kept
    block_in /etc/hosts
    rm -f $kept $kept.lock
}

what=$1
shift
names=$*
"$what" "$@"
