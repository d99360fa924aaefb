#compdef fleet
# Completion of the command fleet. Exit code 1 says: names of files.
_fleet() {
    local found
    found=$(_FLEET_COMPLETE=zsh ${~words[1]} "${(@)words[2,CURRENT]}" 2>/dev/null) || { _files; return }
    local -a candidates=("${(@f)found}")
    [[ -n $found ]] && _describe 'fleet' candidates
}
if [[ $funcstack[1] == _fleet ]]; then
    _fleet "$@"
else
    compdef _fleet fleet
fi
