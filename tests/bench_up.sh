#!/usr/bin/env bash
# What `fleet up` does, as a person would write it by hand for one evening: parallel OpenSSH, curl and the hcloud
# command line. The yardstick of `make bench`.
#
#   bench_up.sh COUNT WORK    WORK has: key, key.pub (an SSH key), files.tar (what goes on a host), server.yaml
#                             (the user data's template), .runner's labels in labels.json
# Environment: HCLOUD_ENDPOINT, HCLOUD_TOKEN, GITEA, GITEA_TOKEN, NAME, TYPE, LOCATION, IMAGE, RUNNER, JOB.
set -euo pipefail

count=$1
cd "$2"

main() {
    hcloud ssh-key create --name "$NAME" --public-key-from-file key.pub >/dev/null
    firewall_rules | hcloud firewall create --name "$NAME" --rules-file - >/dev/null
    token=$(gitea_api -X POST "$GITEA/api/v1/admin/actions/runners/registration-token" | jq_of token)
    pids=()
    for number in $(seq "$count"); do
        machine "$NAME-build-$number" >"log.$number" 2>&1 &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid"; done
}

machine() {
    local name=$1 address
    rm -f "$name" "$name.pub" "$name.hosts"
    ssh-keygen -q -t ed25519 -N '' -C '' -f "$name"
    user_data "$name" >"$name.yaml"
    hcloud server create --name "$name" --type "$TYPE" --location "$LOCATION" --image "$IMAGE" \
        --ssh-key "$NAME" --firewall "$NAME" --user-data-from-file "$name.yaml" --label "fleet=$NAME" >/dev/null
    address=$(hcloud server ip "$name")
    echo "$address $(cat "$name.pub")" >"$name.hosts"
    until on "$name" "$address" true; do in_time; sleep 0.3; done
    on "$name" "$address" "cloud-init status --wait >/dev/null || [ \$? -eq 2 ]"
    on "$name" "$address" "tar -x -C / && systemctl reload ssh && sysctl --quiet --load=/etc/sysctl.d/60-fleet.conf \
        && systemctl restart docker && docker pull --quiet $RUNNER && docker pull --quiet $JOB" <files.tar
    register "$name"
    on "$name" "$address" "umask 077; mkdir -p /opt/fleet/data && cat >/opt/fleet/data/.runner \
        && docker compose -f /opt/fleet/compose.yaml up --detach --quiet-pull" <"$name.runner"
    until is_online "$name"; do in_time; sleep 0.5; done
}

in_time() {
    [ "$SECONDS" -lt 300 ] || { echo "not within 300 seconds" >&2; exit 1; }
}

# One connection for all commands of a host, with the only key that is accepted.
on() {
    local name=$1 address=$2
    shift 2
    ssh -i key -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=5 -o LogLevel=ERROR \
        -o UserKnownHostsFile="$name.hosts" -o StrictHostKeyChecking=yes -o HostKeyAlgorithms=ssh-ed25519 \
        -o ControlMaster=auto -o ControlPath="$PWD/%C" -o ControlPersist=15 "root@$address" "$@"
}

user_data() {
    local private public login
    login=\"$(cat key.pub)\"
    private=\"$(awk '{ printf "%s\\n", $0 }' "$1")\"
    public=\"$(cat "$1.pub")\"
    awk -v private="${private//\\/\\\\}" -v public="$public" -v login="$login" '
        { sub(/\$host_key_private/, private); sub(/\$host_key_public/, public); sub(/\$login/, login); print }' server.yaml
}

firewall_rules() {
    echo '[{"direction":"in","protocol":"tcp","port":"22","source_ips":["0.0.0.0/0","::/0"]},
           {"direction":"in","protocol":"icmp","source_ips":["0.0.0.0/0","::/0"]}]'
}

register() {
    local answer
    answer=$(curl -fsS -H 'Content-Type: application/json' \
        -d "{\"name\":\"$1\",\"token\":\"$token\",\"labels\":$(cat names.json),\"version\":\"bench\"}" \
        "$GITEA/api/actions/runner.v1.RunnerService/Register")
    cat >"$1.runner" <<END
{"id":$(echo "$answer" | number_of id),"uuid":"$(echo "$answer" | jq_of uuid)","name":"$1",
 "token":"$(echo "$answer" | jq_of token)","address":"$GITEA","labels":$(cat labels.json),"ephemeral":false}
END
}

is_online() {
    gitea_api "$GITEA/api/v1/admin/actions/runners?limit=50" |
        python3 -c 'import json, sys
found = [one for one in json.load(sys.stdin)["runners"] if one["name"] == sys.argv[1]]
sys.exit(not any(one["status"] != "offline" for one in found))' "$1"
}

# The token is in a file: it must not be in the process list.
gitea_api() { curl -fsS -H @gitea.header "$@"; }

jq_of() { sed "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/"; }
number_of() { sed "s/.*\"$1\": *\"*\([0-9]*\).*/\1/"; }

main
