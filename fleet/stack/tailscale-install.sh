#!/bin/sh
# Sees to a tailscaled that runs. One that is there already is used as it is; else it comes from the vendor's package
# archive, whose key is checked against the fingerprint given: tailscale-install FINGERPRINT
set -eu

main() {
    command -v tailscaled >/dev/null || install_from_archive "$1"
    systemctl enable --now --quiet tailscaled
}

install_from_archive() {
    . /etc/os-release
    [ ! -e /opt/fleet/bin/proxy.sh ] || . /opt/fleet/bin/proxy.sh
    archive=https://pkgs.tailscale.com/stable/$ID
    keyring=/etc/apt/keyrings/tailscale.gpg
    install -m 0755 -d /etc/apt/keyrings
    command -v curl >/dev/null || /opt/fleet/bin/apt-install curl ca-certificates
    command -v gpg >/dev/null || /opt/fleet/bin/apt-install gpg
    curl -fsSL --retry 3 "$archive/$VERSION_CODENAME.noarmor.gpg" -o $keyring.new
    # Of every key in it: one more would be trusted too.
    seen=$(gpg --show-keys --with-colons $keyring.new |
        awk -F: '$1 == "pub" { key = 1 } $1 == "fpr" && key { print $10; key = 0 }')
    if [ "$seen" != "$1" ]; then
        echo "the key of Tailscale's archive has fingerprint $seen, expected $1" >&2
        exit 1
    fi
    chmod 0644 $keyring.new
    mv $keyring.new $keyring
    cat >/etc/apt/sources.list.d/tailscale.sources <<END
Types: deb
URIs: $archive
Suites: $VERSION_CODENAME
Components: main
Signed-By: $keyring
END
    /opt/fleet/bin/apt-install tailscale
}

main "$@"
