#!/bin/bash
# Runs on a node, after its files were unpacked: users, firewall, artifacts, and the units that may start.
set -euo pipefail
umask 022
# shellcheck source=/dev/null
. /root/by-hand/settings
: "${role:?}" "${store:?}" "${artifacts:?}" "${units:?}"

# add_user NAME
add_user() { id -u "$1" >/dev/null 2>&1 || useradd --system --no-create-home --home-dir "/opt/$1" --shell /usr/sbin/nologin "$1"; }

# own APPLICATION USER MODE
own() {
    [ -d "/etc/$1.d" ] || return 0
    chown -R "root:$2" "/etc/$1.d"
    chown -R "$2:$2" /etc/ssl/"$1"/*.pem
    chmod 0750 "/etc/$1.d"
    chmod 0640 "/etc/$1.d/$1.hcl"
    install -d -o "$2" -g "$2" -m "$3" "/opt/$1"
}

firewall() {
    sed -i 's/^DefaultZone=.*/DefaultZone=by-hand-drop/' /etc/firewalld/firewalld.conf
    systemctl --quiet enable firewalld
    busctl --quiet --timeout=60 call org.fedoraproject.FirewallD1 /org/fedoraproject/FirewallD1 org.fedoraproject.FirewallD1 reload
}

serve_artifacts() {
    rm -f /etc/nginx/sites-enabled/default
    systemctl --quiet enable nginx
    systemctl restart nginx
}

# fetch NAME VERSION SHA256 FILE
fetch() {
    local directory=/opt/saltern/$1/$2
    mkdir -p "$directory" /opt/saltern/bin
    until curl --silent --show-error --fail --output "$directory/$4" "https://$store:8443/$1/$2/$4" 2>/root/by-hand/curl.err; do
        [ $SECONDS -lt 300 ] || { cat /root/by-hand/curl.err >&2 && return 1; }
        sleep 0.1
    done
    echo "$3  $directory/$4" | sha256sum --check --quiet
    case $4 in *.tar) return ;; esac
    chmod 0755 "$directory/$4"
    ln -sfn "../$1/$2/$4" "/opt/saltern/bin/$4"
}

containers() {
    systemctl --quiet enable --now by-hand-published-ports docker saltern-containers
    docker load --quiet --input /opt/saltern/pause/*/pause.tar >/dev/null
}

add_user consul
if [ "$role" != client ]; then add_user vault; fi
if [ "$role" = server ]; then add_user nomad; fi
own consul consul 0700
own vault vault 0700
own nomad "$([ "$role" = server ] && echo nomad || echo root)" 0711
if [ -d /etc/vault.d ]; then install -d -o vault -g vault -m 0700 /var/log/vault; fi
firewall
update-ca-certificates >/dev/null 2>&1
if [ "$role" = support ]; then serve_artifacts; fi
while read -r name version sha256 file; do fetch "$name" "$version" "$sha256" "$file"; done < <(grep . <<<"$artifacts")
if [ "$role" = client ]; then containers; fi
systemctl daemon-reload
# shellcheck disable=SC2086 # a list
systemctl --quiet enable --now --no-block $units
rm -f /etc/resolv.conf # a link to somewhere else, perhaps
echo 'nameserver 127.0.0.1' >/etc/resolv.conf
