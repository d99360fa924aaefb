# What this host says about itself, as lines of KEY<TAB>VALUE. Read-only.
# Arguments: "file:PATH" (its SHA-256), "package:NAME" (is it installed).
say() { printf '%s\t%s\n' "$1" "$2"; }

boot_state() {
    command -v cloud-init >/dev/null || { echo -; return; }
    [ -e /run/cloud-init/result.json ] || return 0
    if grep -q '"errors": \[\]' /run/cloud-init/result.json; then echo 0; else echo 1; fi
}

say boot "$(boot_state)"
. /etc/os-release
say os "$ID"
say os_version "${VERSION_ID:-}"
say codename "${VERSION_CODENAME:-}"
say arch "$(dpkg --print-architecture 2>/dev/null || uname -m)"
say clock "$(date +%s)"
say open_files "$(ulimit -H -n | grep '^[0-9]*$')"
say setup_running "$(systemctl is-active fleet-setup.service 2>/dev/null)"
say docker_active "$(systemctl is-active docker.service 2>/dev/null)"
[ -e /run/reboot-required ] && say reboot_needed yes

rules=$(nft list table inet fleet_guard 2>/dev/null)
case $rules in *169.254.169.254*reject*fe80::a9fe:a9fe*reject*) say guarded yes ;; esac

if [ -r /root/.ssh/authorized_keys ]; then
    grep -v '^[[:space:]]*\(#\|$\)' /root/.ssh/authorized_keys | while read -r line; do say login "$line"; done
fi

for argument in "$@"; do
    case $argument in
        file:*)
            path=${argument#file:}
            if [ -r "$path" ]; then say file "$(sha256sum "$path")"; fi ;;
        package:*)
            name=${argument#package:}
            case $(dpkg-query -W -f='${db:Status-Abbrev}' "$name" 2>/dev/null) in
                ii*) say package "$name" ;;
                hi*) say package "$name"; say held "$name" ;;
            esac ;;
    esac
done

# Only of static hosts: what was there before us.
hand_made_runners() {
    form='{{.Name}}|{{.Config.Image}}|{{index .Config.Labels "com.docker.compose.project"}}|{{range .Mounts}}{{.Source}},{{end}}'
    docker ps --quiet | xargs -r docker inspect --format "$form" | while IFS='|' read -r name image project sources; do
        case ${name#/} in fleet-runner|GITEA-ACTIONS-*) continue ;; esac
        found=$(echo "$sources" | tr , '\n' | while read -r source; do
            for file in "$source" "$source/.runner"; do
                case $file in */.runner) [ ! -s "$file" ] || { echo "$file"; break 2; } ;; esac
            done
        done)
        [ -n "$found" ] || case $image in
            *act_runner*|*gitea/runner*|*gitea-runner*|*forgejo/runner*) ;;
            *) continue ;;
        esac
        record=$([ -z "$found" ] || sed 's/"token": *"[^"]*"/"token": ""/' "$found" | base64 -w 0)
        say hand_made "${name#/}|$image|$project|$found|$record"
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
    docker ps --filter "publish=$1" --format '{{.Names}} {{.Ports}}' | while read -r name ports; do
        [ "$name" = fleet-runner ] && continue
        case $ports in *127.0.0.1:"$1"-*) continue ;; esac
        say port_user "container $name"
    done
}

for argument in "$@"; do
    case $argument in
        static:*)
            [ ! -s /etc/docker/daemon.json ] || say daemon "$(base64 -w 0 /etc/docker/daemon.json)"
            [ ! -s /var/lib/fleet/daemon.json ] || say daemon_added "$(base64 -w 0 /var/lib/fleet/daemon.json)"
            runner_processes
            port_users "${argument#static:}" 2>/dev/null
            hand_made_runners 2>/dev/null ;;
    esac
done

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

df -Pk "$([ -d /var/lib/docker ] && echo /var/lib/docker || echo /)" | {
    read -r _; read -r _ size _ free _
    say disk_size "$size"; say disk_free "$free"
}

if docker_version=$(docker version --format '{{.Server.Version}}' 2>/dev/null); then
    say docker "$docker_version"
    say compose "$(docker compose version --short 2>/dev/null)"
    say bridge "$(ip -4 -o addr show docker0 2>/dev/null | sed 's/.*inet \([0-9.]*\).*/\1/')"
    docker image ls --digests --format '{{.Repository}}:{{.Tag}}
{{.Repository}}@{{.Digest}}' | while read -r image; do say image "$image"; done
    docker ps --filter name=GITEA-ACTIONS-TASK- --format '{{.Names}}' | while read -r task; do say task "$task"; done
    format='{{.State.Status}}|{{.State.ExitCode}}|{{.RestartCount}}|{{index .Config.Labels "fleet.config"}}|{{.Config.Image}}'
    [ -z "$(docker ps --quiet --filter name='^/?fleet-cache$')" ] || say serves_cache yes
    container=$(docker container inspect --format "$format" fleet-runner 2>/dev/null) && say container "$container"
fi
exit 0
