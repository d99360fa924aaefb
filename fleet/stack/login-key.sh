# Lets an SSH key in for the user who is logged in, or takes one off again. Arguments: "add" and the line of the key,
# or "drop", the line of the old key and that of the new one, which must be there before the old one goes.
set -eu
umask 077
user=${SUDO_USER:-root}
folder=$(getent passwd "$user" | cut -d: -f6)/.ssh
file=$folder/authorized_keys
data() { printf '%s\n' "$1" | cut -d' ' -f2; }
has() { [ -e "$file" ] && grep -v '^[[:space:]]*#' "$file" | grep -qF "$(data "$1")"; }
put() {
    chown --reference="$folder" "$file.fleet"
    chmod 600 "$file.fleet"
    mv "$file.fleet" "$file"
}

case $1 in
    add)
        has "$2" && exit 0
        [ -d "$folder" ] || install -d -m 700 -o "$user" -g "$(id -g "$user")" "$folder"
        { [ ! -e "$file" ] || cat "$file"; printf '\n%s\n' "$2"; } | sed '/^$/d' >"$file.fleet"
        put ;;
    drop)
        has "$3" || { echo "the new key is not in $file" >&2; exit 1; }
        has "$2" || exit 0
        grep -vF "$(data "$2")" "$file" >"$file.fleet"
        put ;;
esac
