# What this host says about itself, as lines of KEY<TAB>VALUE. Read-only; what Docker knows is asked of Docker.
# Arguments: "file:PATH" (its SHA-256), "package:NAME" (is it installed), "cache:HOST:PORT" (does it answer),
# "static:PORT" (a host of somebody's own: what is there beside us), "source:PATH" (is there a runner's record).
say() { printf '%s\t%s\n' "$1" "$2"; }

boot_state() {
    command -v cloud-init >/dev/null || { echo -; return; }
    [ -e /run/cloud-init/result.json ] || return 0
    if grep -q '"errors": \[\]' /run/cloud-init/result.json; then echo 0; else echo 1; fi
}

activity() {
    { read -r setup; read -r docker; } <<END
$(systemctl is-active fleet-setup.service docker.service 2>/dev/null)
END
    say setup_running "$setup"
    say docker_active "$docker"
}

# Memory in KiB, the load of five minutes, seconds since boot; oom_kills: processes that the kernel has ended since then.
resources() {
    awk '/^MemTotal:/ { print "memory_size\t" $2 }
        /^MemAvailable:/ { print "memory_free\t" $2 }
        $1 == "oom_kill" { print "oom_kills\t" $2 }
        /^processor/ { cores++ }
        FILENAME ~ /loadavg$/ { print "load\t" $2 }
        FILENAME ~ /uptime$/ { print "uptime\t" int($1) }
        END { print "cores\t" cores }' /proc/meminfo /proc/vmstat /proc/loadavg /proc/uptime /proc/cpuinfo 2>/dev/null
}

# Where Docker and containerd keep what they keep, and the root; sizes in KiB, without what is kept back for root.
disks() {
    root=$(sed -n 's/.*"data-root": *"\([^"]*\)".*/\1/p' /etc/docker/daemon.json 2>/dev/null)
    set -- "${root:-/var/lib/docker}" /var/lib/containerd /
    for folder; do
        shift
        if [ -d "$folder" ]; then set -- "$@" "$folder"; fi
    done
    df -k --output=used,avail,itotal,iavail,file "$@" 2>/dev/null | while read -r used free inodes inodes_free folder; do
        case $used in *[!0-9]*) continue ;; esac
        say disk "$((used + free)) $free $inodes $inodes_free $folder"
    done
}

say clock "$(date +%s.%N)"
say boot "$(boot_state)"
. /etc/os-release
say os "$ID"
say os_version "${VERSION_ID:-}"
say codename "${VERSION_CODENAME:-}"
say arch "$(dpkg --print-architecture 2>/dev/null || uname -m)"
open_files=$(ulimit -H -n)
say open_files "${open_files#unlimited}"
activity
resources
disks
bridge=$(ip -4 -o addr show docker0 2>/dev/null)
bridge=${bridge#*inet }
say bridge "${bridge%%/*}"
[ -e /run/reboot-required ] && say reboot_needed yes
[ -s /var/log/fleet-setup.log ] && say setup_began yes

# A runner that lived through a new start of docker.socket has the old socket: nobody listens there, each job fails.
lost=$(grep -ls 'docker\.sock//deleted ' /proc/[0-9]*/mountinfo)
# shellcheck disable=SC2086 # paths without spaces
if [ -n "$lost" ] && grep -qs 'fleet/data /data ' $lost; then say socket_lost yes; fi

rules=$(nft list table inet fleet_guard 2>/dev/null)
case $rules in *169.254.169.254*reject*fe80::a9fe:a9fe*reject*) say guarded yes ;; esac

if [ -r /root/.ssh/authorized_keys ]; then
    while read -r line || [ -n "$line" ]; do
        case $line in ''|'#'*) ;; *) say login "$line" ;; esac
    done </root/.ssh/authorized_keys
fi

# Only of static hosts: what was there before us.
runner_record() {
    for file in "$1" "$1/.runner"; do
        case $file in */.runner) [ -s "$file" ] || continue ;; *) continue ;; esac
        say record "$file|$(sed 's/"token": *"[^"]*"/"token": ""/' "$file" | base64 -w 0)"
    done
}

runner_processes() {
    for pid in $(pgrep -x 'act_runner|gitea-runner|forgejo-runner'); do
        grep -q -e docker -e containerd "/proc/$pid/cgroup" 2>/dev/null && continue
        say process "$(cat "/proc/$pid/comm")|$(ps -o unit= -p "$pid")"
    done
}

port_users() {
    ss -Hltnp "sport = :$1" | while read -r _ _ _ address _ who; do
        case $who in *docker-proxy*) continue ;; esac
        case $address in 127.*|'[::1]'*) continue ;; esac
        say port_user "process $(echo "$who" | sed 's/[^"]*"\([^"]*\)".*/\1/')"
    done
}

static() {
    say static_port "$1"
    [ ! -s /etc/docker/daemon.json ] || say daemon "$(base64 -w 0 /etc/docker/daemon.json)"
    [ ! -s /var/lib/fleet/daemon.json ] || say daemon_added "$(base64 -w 0 /var/lib/fleet/daemon.json)"
    runner_processes
    port_users "$1" 2>/dev/null
}

# Whoever answers a question of HTTP with anything at all is there.
answers() {
    # shellcheck disable=SC2016 # bash fills it in
    timeout 3 bash -c 'exec 3<>"/dev/tcp/$0/$1" && printf "GET / HTTP/1.0\r\n\r\n" >&3 && read -r line <&3 &&
        [ -n "$line" ]' "$1" "$2" 2>/dev/null
}

files='' packages=''
for argument in "$@"; do
    what=${argument#*:}
    case $argument in
        file:*) files="$files $what" ;;
        package:*) packages="$packages $what" ;;
        cache:*) if answers "${what%:*}" "${what##*:}"; then say cache_answers yes; else say cache_answers no; fi ;;
        source:*) runner_record "$what" ;;
        static:*) static "$what" ;;
    esac
done

# Their names have no spaces in them: they are ours, or the distribution's.
# shellcheck disable=SC2086
[ -z "$files" ] || sha256sum -- $files 2>/dev/null | while read -r file; do say file "$file"; done

compose=''
while read -r name state version; do
    case $state in ii*) say package "$name" ;; hi*) say package "$name"; say held "$name" ;; *) continue ;; esac
    case $name:$version in
        docker-compose:1.*) ;; # a program of its own, no part of docker
        docker-compose:*|docker-compose-v2:*|docker-compose-plugin:*) compose=$version ;;
    esac
done <<END
$(
    # shellcheck disable=SC2086
    [ -z "$packages" ] || dpkg-query -W -f='${Package} ${db:Status-Abbrev} ${Version}\n' $packages 2>/dev/null
)
END
compose=${compose#*:}
[ -n "$compose" ] || ! command -v docker >/dev/null || compose=$(docker compose version --short 2>/dev/null)
say compose "${compose%%[-+~]*}"

if [ -s /var/lib/fleet/memory ]; then
    while read -r line; do say memory "$line"; done </var/lib/fleet/memory
fi

if [ -s /opt/fleet/data/.runner ]; then
    say registration "$(sed 's/"token": *"[^"]*"/"token": ""/' /opt/fleet/data/.runner | base64 -w 0)"
fi

if command -v tailscale >/dev/null; then
    say tailnet "$(tailscale status --json --peers=false 2>/dev/null | base64 -w 0)"
    [ -e /opt/fleet/tailnet ] && say tailnet_ours yes
    settings='ControlURL\|CorpDNS\|RouteAll\|RunSSH'
    tailscale debug prefs 2>/dev/null | sed -n "s/^\t\"\($settings\)\": \"*\([^\",]*\)\"*,*$/\1 \2/p" |
        while read -r setting; do say tailnet_setting "$setting"; done
    ip -4 -o route show table 52 2>/dev/null | while read -r route _; do say tailnet_route "$route"; done
fi
exit 0
