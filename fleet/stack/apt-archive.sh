#!/bin/sh
# Adds a package archive of somebody else's, once the key it is signed with has the fingerprint given:
#   apt-archive KEYRING URL COMPONENT KEY-URL FINGERPRINT
# KEYRING is the key's file name: apt wants .asc for a key in letters, .gpg for one in bytes.
set -eu
. /etc/os-release
[ ! -e /opt/fleet/bin/proxy.sh ] || . /opt/fleet/bin/proxy.sh
keyring=/etc/apt/keyrings/$1
install -m 0755 -d /etc/apt/keyrings
command -v curl >/dev/null || /opt/fleet/bin/apt-install curl ca-certificates
command -v gpg >/dev/null || /opt/fleet/bin/apt-install gpg
curl -fsSL --retry 3 "$4" -o "$keyring.new"
# Of every key in it: one more would be trusted too.
seen=$(gpg --show-keys --with-colons "$keyring.new" |
    awk -F: '$1 == "pub" { key = 1 } $1 == "fpr" && key { print $10; key = 0 }')
if [ "$seen" != "$5" ]; then
    echo "the key of $2 has fingerprint $seen, expected $5" >&2
    exit 1
fi
chmod 0644 "$keyring.new"
mv "$keyring.new" "$keyring"
cat >"/etc/apt/sources.list.d/${1%.*}.sources" <<END
Types: deb
URIs: $2
Suites: $VERSION_CODENAME
Components: $3
Architectures: $(dpkg --print-architecture)
Signed-By: $keyring
END
