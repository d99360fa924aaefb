# Completion of the command fleet. Exit code 1 says: names of files.
function __fleet_complete
    set -l words (commandline -opc)
    set -l found (_FLEET_COMPLETE=fish $words[1] $words[2..] (commandline -ct) 2>/dev/null)
    if test $status -eq 0
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete --command fleet --no-files --arguments '(__fleet_complete)'
