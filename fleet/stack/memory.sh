# Changes what a static host remembers between two runs: memory.sh FOLDER KEY=VALUE...
# An empty value takes the key away. All or nothing; says what is remembered then.
set -eu
umask 077
mkdir -p "$1"
cd "$1"
shift
exec 9>memory.lock
flock -w 20 9
touch memory
cp memory memory.new
for change in "$@"; do
    sed -i "/^${change%%=*}=/d" memory.new
    [ -z "${change#*=}" ] || echo "$change" >>memory.new
done
sync memory.new
mv memory.new memory
cat memory
