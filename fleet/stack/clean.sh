#!/bin/sh
# Written by fleet. Cleans up what jobs have left here. fleet-clean.timer runs it every hour; what it did is in
# `journalctl -u fleet-clean` and, as "TIME BYTES-FREED", in /var/lib/fleet/cleaned.
#   clean          by age; on a full disk as with --now
#   clean --now    all that no running job can need, however young: while the runner is stopped, all that is unused
# Ages are seconds, in /opt/fleet/clean.conf; the environment goes before it.
#
# Never under a running job:
# - What a job makes for itself goes only when it is older than a job may become (JOB_LIMIT), whatever else is known.
#   So it is with containers, volumes and networks, and with build cache, whose age is the time since its last use.
# - An image may be older than the job that is about to use it. So images go only while no job is to be seen: no
#   container and no network of a task, and no process in the runner's container that is younger than the runner, as
#   jobs on the host have them. What a container has, and the images of runner and labels, stay anyway; so does what
#   came, or was last seen with a container, within a quarter of an hour (RECENT).
# - With --now, a runner that is stopped and no container of a task that runs are proof enough: no age counts then.
# - Docker itself refuses to remove what is in use. Nothing is forced but builders that a job made for itself alone.
set -eu
. /opt/fleet/clean.conf
: "${RECENT:=900}"
memory=/var/lib/fleet
seen=$memory/images
now=$(date +%s)
task='GITEA-ACTIONS-TASK-'
builder='buildx_buildkit_builder-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}[0-9]+'

main() {
    wait_for_turn "$@"
    docker version >/dev/null
    folder=$(docker info --format '{{.DockerRootDir}}')
    choose_ages "$@"
    before=$(free)
    containers=$(clean_containers)
    volumes=$(clean_volumes)
    networks=$(clean_networks)
    images=0 kept=
    if [ "$DOCKER" = ours ]; then
        remember_images
        images=$(clean_images)
        if job_seen; then kept='; images stay: a job may be running'; fi
        clean_build_cache
    fi
    tell
}

# Another one that cleans is waited for. The timer does not begin while fleet works here; who says --now may be fleet.
wait_for_turn() {
    case "$*" in '' | --now) ;; *) echo "usage: clean [--now]" >&2; exit 2 ;; esac
    if [ $# -eq 0 ] && ! flock -n /run/lock/fleet.lock true; then
        echo "fleet works on this host: in an hour again"
        exit 0
    fi
    exec 9>/run/lock/fleet-clean.lock
    flock -w 900 9
}

choose_ages() {
    task_age=$(longer "$CLEAN_AFTER" "$JOB_LIMIT")
    cache_age=$(longer "$BUILD_CACHE_AFTER" "$JOB_LIMIT")
    image_age=$(longer "$IMAGES_AFTER" "$RECENT")
    if [ $# -gt 0 ] || [ "$(in_use)" -ge "$DISK_FULL" ]; then
        task_age=$JOB_LIMIT cache_age=$JOB_LIMIT image_age=$RECENT
    fi
    if [ $# -gt 0 ] && is_empty; then task_age=0 cache_age=0 image_age=0; fi
}

# Where Docker is not ours, there may be another runner.
is_empty() {
    [ "$DOCKER" = ours ] && [ -z "$(docker ps --quiet --filter "name=^/?$task")" ] &&
        [ "$(docker container inspect --format '{{.State.Running}}' fleet-runner 2>/dev/null)" != true ]
}

longer() { if [ "$1" -gt "$2" ]; then echo "$1"; else echo "$2"; fi; }

# Percent of the disk, or of its inodes.
in_use() { df --output=pcent,ipcent "$folder" | tail -n 1 | tr -s ' %' '\n' | sort -n | tail -n 1; }

free() { df --output=avail -B 1 "$folder" | tail -n 1; }

clean_containers() {
    {
        stopped_containers | older "$task_age" | sort -u | away container rm --volumes
        [ "$DOCKER" != ours ] || builders | older "$task_age" | away container rm --force --volumes
    } | awk '{ sum += $1 } END { print sum }'
}

stopped_containers() {
    stopped='--filter status=exited --filter status=dead'
    # shellcheck disable=SC2086  # words on purpose
    docker ps --all --quiet --filter "name=^/?$task" --filter status=created $stopped |
        inspect container '{{.Id}} {{.Created}}'
    [ "$DOCKER" = ours ] || return 0
    # shellcheck disable=SC2086
    docker ps --all --quiet $stopped |
        inspect container '{{if eq .HostConfig.RestartPolicy.Name "" "no"}}{{.Id}} {{.State.FinishedAt}}{{end}}'
}

# Those of a job that ended before it could remove its own: no other job knows the name.
builders() {
    docker ps --all --quiet --filter "name=^/?$builder\$" | inspect container '{{.Id}} {{.Created}}'
}

clean_volumes() {
    names="^$task"
    # Without a name: whoever made it cannot find it again.
    [ "$DOCKER" != ours ] || names="$names|^[0-9a-f]{64}\$|^${builder}_state\$"
    docker volume ls --quiet --filter dangling=true | grep -E "$names" |
        inspect volume '{{.Name}} {{.CreatedAt}}' | older "$task_age" | away volume rm
}

clean_networks() {
    has_container=$(docker ps --all --quiet |
        inspect container '{{range $name, $_ := .NetworkSettings.Networks}}{{println $name}}{{end}}' | sort -u)
    {
        docker network ls --quiet --filter "name=$task"
        [ "$DOCKER" != ours ] || {
            docker network ls --quiet --filter label=com.docker.compose.project
            docker network ls --quiet --filter label=org.testcontainers
        }
    } | sort -u | inspect network '{{.Name}} {{json .Created}}' | older "$task_age" |
        grep -vxF "$has_container" | away network rm
}

# When each image was last seen with a container is the time of a file with its id. An image that we meet first came
# since the last look, and Docker's own file says when; the first time of all, nothing is known.
remember_images() {
    first=$([ -d $seen ] || echo yes)
    mkdir -p $seen
    every=$(docker image ls --quiet --no-trunc | sort -u | cut -d : -f 2)
    needed=$({
        docker ps --all --quiet | inspect container '{{println .Image}}{{println .Config.Image}}'
        echo "$KEEP_IMAGES" | tr ' ' '\n'
    } | sort -u | inspect image '{{.Id}}' | sort -u | cut -d : -f 2)
    for id in $every; do
        [ -e "$seen/$id" ] || came "$id"
        if among "$id" "$needed"; then touch "$seen/$id"; fi
    done
    for file in "$seen"/*; do
        among "${file##*/}" "$every" || rm -f "$file"
    done
}

came() {
    file=$folder/image/overlay2/imagedb/content/sha256/$1
    if [ -z "$first" ] && [ -e "$file" ]; then touch -r "$file" "$seen/$1"; else touch "$seen/$1"; fi
}

among() { echo "$2" | grep -qxF "$1"; }

clean_images() {
    for id in $every; do
        among "$id" "$needed" && continue
        [ $((now - $(stat -c %Y "$seen/$id"))) -ge "$image_age" ] || continue
        ! job_seen || break
        remove_image "$id"
    done | wc -l
}

# By each of its names: by its id alone, one with several would have to be forced.
remove_image() {
    names=$(echo "$1" | inspect image '{{join .RepoTags " "}} {{join .RepoDigests " "}}')
    # shellcheck disable=SC2086
    docker image rm $names >/dev/null 2>&1 || true
    docker image rm "$1" >/dev/null 2>&1 || true
    docker image inspect "$1" >/dev/null 2>&1 || echo "$1"
}

job_seen() {
    for pid in $(docker ps --quiet --filter "name=^/?$task" | inspect container '{{.State.Pid}}'); do
        [ "$(age_of "$pid")" -ge "$JOB_LIMIT" ] || return 0
    done
    young=$(docker network ls --quiet --filter "name=$task" | inspect network '{{.Name}} {{json .Created}}' |
        ages | awk -v limit="$JOB_LIMIT" '$1 < limit')
    [ -z "$young" ] || return 0
    runner=$(docker container inspect --format '{{.State.Pid}}' fleet-runner 2>/dev/null) || return 1
    [ "$runner" -ne 0 ] || return 1
    docker top fleet-runner -o pid,etimes,stat 2>/dev/null | awk -v runner="$(age_of "$runner")" \
        'NR > 1 && $3 !~ /^Z/ && $2 < runner - 10 { young = 1 } END { exit !young }'
}

# A client without buildx says each time that it is old: what it says is told only when it fails.
clean_build_cache() {
    said=$(docker builder prune --all --force --filter "until=${cache_age}s" 2>&1) || echo "$said" >&2
}

# Of a process that has gone meanwhile: 0.
age_of() { ps -o etimes= -p "$1" || echo 0; }

inspect() {
    kind=$1 format=$2
    xargs -r docker "$kind" inspect --format "$format" 2>/dev/null || true
}

# Of lines "NAME TIME": "AGE NAME". Docker's time for never is in the year 1.
ages() {
    tr -d '"' | while read -r name time; do
        case $time in 20*) echo "$((now - $(date -d "$time" +%s))) $name" ;; esac
    done
}

older() { ages | awk -v least="$1" '$1 >= least { print $2 }'; }

# Removes, one by one as far as Docker lets it, and says how many went.
away() { xargs -r docker "$@" 2>/dev/null | wc -l; }

tell() {
    freed=$(($(free) - before))
    [ $freed -ge 0 ] || freed=0
    young=$(docker volume ls --quiet --filter dangling=true | grep -c "^$task" || true)
    [ "$young" -eq 0 ] || kept="$kept; $young volumes of tasks are too young, and stay"
    echo "removed $containers containers, $volumes volumes, $networks networks, $images images; $freed bytes freed," \
        "$(in_use) % of the disk in use$kept"
    mkdir -p $memory
    echo "$now $freed" >$memory/cleaned.new
    mv $memory/cleaned.new $memory/cleaned
}

main "$@"
