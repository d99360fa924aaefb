# Completion of the command fleet. Exit code 1 says: names of files.
_fleet() {
    local program="${COMP_WORDS[0]/#\~/$HOME}" found
    COMPREPLY=()
    found=$(_FLEET_COMPLETE=bash "$program" "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null) || compopt -o default
    if [[ $found ]]; then
        mapfile -t COMPREPLY <<<"$found"
    fi
}
complete -F _fleet fleet
