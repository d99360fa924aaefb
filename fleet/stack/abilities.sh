# What jobs can do here, tried in containers like theirs, as lines of KEY<TAB>VALUE.
# Arguments: CACHE (its URL or nothing), GITEA (its URL), REGISTRY (HOST[:PORT]), NETWORK (of jobs, nothing: one of its
# own), IMAGES (in one word: the first that is here is used), then words for "docker create" of a job.
# Nothing is pulled, no container of others is touched, and nothing stays: what a killed one left, the next removes.
set -f
cache=$1 gitea=$2 registry=$3 network=$4 images=$5
shift 5
scratch=/run/fleet-probe
# Status of an answer, and why there is none: "200|", "000|Could not resolve host: x".
get='curl --noproxy * --silent --output /dev/null --write-out %{http_code}|%{errormsg}'
metadata=http://169.254.169.254/

main() {
    for program in docker curl nsenter perl; do
        command -v $program >/dev/null || { say missing $program; return; }
    done
    mkdir -p $scratch
    docker version --format '{{.Server.Version}}' >/dev/null 2>$scratch/error || { say no_docker "$(last error)"; return; }
    sweep
    image=$(the_image $images)
    [ -n "$image" ] || { say no_image "$images"; return; }
    say image "$image"
    the_disk
    the_build &
    the_registry &
    if the_containers "$@" 2>$scratch/error; then
        the_socket & the_cache & the_port & the_metadata &
        the_gitea
    else
        say no_container "$(last error)"
    fi
    wait
    say end yes
}

say() { printf '%s\t%s\n' "$1" "$(printf %s "$2" | tr '\n\t' '  ')"; }
last() { tail -n 1 "$scratch/$1"; }
mine() { docker "$@" --quiet --filter label=fleet.probe; }

sweep() {
    mine ps --all | xargs -r docker rm --force --volumes
    mine network ls | xargs -r docker network rm
    mine image ls | xargs -r docker image rm --force
} >/dev/null 2>&1

the_image() {
    for name in "$@"; do
        docker image inspect "$name" >/dev/null 2>&1 && { echo "$name"; return; }
    done
}

# As the runner makes a job's; and one as a job makes for its tests. Both end by themselves.
the_containers() {
    [ -n "$network" ] || docker network create --label fleet.probe fleet-probe >/dev/null || return 1
    job=$(container fleet-probe-job --network "${network:-fleet-probe}" --volume /var/run/docker.sock:/var/run/docker.sock "$@") &&
        test=$(container fleet-probe-test) && say job yes
}

# Its process is the answer.
container() {
    name=$1; shift
    docker run --detach --rm --pull never --name "$name" --label fleet.probe --publish 8080 "$@" \
        --entrypoint /bin/sleep "$image" 60 >/dev/null && docker inspect --format '{{.State.Pid}}' "$name"
}

# A program of the host in the network of a container: images need not have it.
within() { process=$1; shift; nsenter --net --target "$process" "$@"; }

# And with the names the container knows, whatever the host asks for its own.
as_job() {
    echo 'hosts: files dns' >$scratch/nsswitch
    within "$job" unshare --mount sh -c '
        set -f
        root=/proc/$1/root names=$2
        shift 2
        mount --bind "$root/etc/resolv.conf" /etc/resolv.conf && mount --bind "$root/etc/hosts" /etc/hosts &&
            mount --bind "$names" /etc/nsswitch.conf && exec "$@"' sh "$job" $scratch/nsswitch "$@"
}

the_gitea() { say gitea "$(as_job $get --max-time 10 "$gitea")"; }

# By the builder inside the engine: BuildKit would keep a record of it in its cache.
the_build() {
    printf 'FROM %s\nLABEL fleet.probe=\nRUN true\n' "$image" | DOCKER_BUILDKIT=0 timeout 60 \
        docker build --quiet --no-cache --force-rm --tag fleet-probe - >$scratch/build 2>&1
    say build "$? $(last build)"
}

# Asked for what cannot be there, the daemon says what it thinks of the registry. Nothing is pulled.
the_registry() {
    timeout 20 docker --config $scratch pull "$registry/fleet-probe/none:none" >$scratch/registry 2>&1
    say registry "$(head -n 1 $scratch/registry)"
    say registry_there "$($get --max-time 10 "${gitea%/}/v2/")"
}

the_socket() {
    docker exec fleet-probe-job test -S /var/run/docker.sock && say socket yes
    say docker_command "$(docker exec fleet-probe-job docker version --format '{{.Client.Version}}' 2>/dev/null)"
}

# From a job's network, and then from every address of the host that is not one of Docker's.
the_cache() {
    [ -n "$cache" ] || return
    say cache "$(within "$job" $get --max-time 5 "$cache")"
    # One for many machines is meant to be reached from elsewhere, by the networks it is in.
    case $cache in "http://$(bridge):"*) ;; *) return ;; esac
    port=${cache##*:}
    ip -o address show scope global | while read -r _ device _ address _; do
        case $device in docker0 | br-* | veth*) continue ;; esac
        address=${address%/*}
        case $address in *:*) address="[$address]" ;; esac
        case $($get --max-time 2 "http://$address:$port") in 000*) ;; *) say cache_open "$address:${port%/}" ;; esac
    done
}

bridge() { ip -4 -o address show docker0 | sed 's/.*inet \([0-9.]*\).*/\1/'; }

the_port() {
    within "$test" timeout 8 perl -MIO::Socket::INET -e '
        $server = IO::Socket::INET->new(Listen => 1, LocalPort => 8080) or die;
        $client = $server->accept; print $client "HTTP/1.0 200 OK\r\n\r\nhere\n"' &
    for name in fleet-probe-job fleet-probe-test; do
        docker port $name 8080/tcp 2>/dev/null | while read -r bound; do say port_bound "$bound"; done
    done
    say port "$(within "$job" $get --retry 5 --retry-delay 1 --retry-connrefused --max-time 8 \
        "http://$(docker port fleet-probe-test 8080/tcp | head -n 1)/")"
    wait
}

the_metadata() {
    say metadata_host "$($get --max-time 2 $metadata)"
    for process in "$job" "$test"; do
        say metadata_job "$(within "$process" $get --max-time 2 $metadata)"
    done
}

the_disk() {
    df -Pk "$(docker info --format '{{.DockerRootDir}}')" | { read -r _; read -r _ size _ free _; say disk "$free $size"; }
}

trap 'sweep; rm -rf $scratch' EXIT
trap 'exit 1' HUP INT TERM PIPE
main "$@"
exit 0
