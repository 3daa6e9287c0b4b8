# shellcheck shell=bash
# The files of each node: certificates by openssl, configuration, units, and what on-node.sh wants to know.
# shellcheck disable=SC2154 # root, work, nodes, artifacts and here come from bootstrap

make_roots() {
    local name
    for name in consul nomad vault support; do
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=By hand $name root" \
            -keyout "$work/pki/$name-key.pem" -out "$work/pki/$name-ca.pem" \
            -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
    done
}

# leaf APPLICATION NAME ROOT USAGE DNS…: a key, and a certificate for this node's addresses and the names given.
leaf() {
    local name=$2 issuer=$3 usage=$4 directory=$stage/etc/ssl/$1 names="DNS:$id,DNS:localhost" dns
    shift 4
    for dns in "$@"; do names+=",DNS:$dns"; done
    mkdir -p "$directory"
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$id" \
        -keyout "$directory/$name-key.pem" -out "$work/$id.csr" 2>/dev/null
    openssl x509 -req -in "$work/$id.csr" -CA "$work/pki/$issuer-ca.pem" -CAkey "$work/pki/$issuer-key.pem" \
        -set_serial "0x$(openssl rand -hex 16)" -days 45 -out "$directory/$name.pem" -extfile /dev/stdin 2>/dev/null <<END
subjectAltName=$names,IP:127.0.0.1,IP:::1,IP:$ipv4,IP:$ipv6
extendedKeyUsage=$usage
keyUsage=critical,digitalSignature
basicConstraints=critical,CA:FALSE
END
    openssl verify -CAfile "$work/pki/$issuer-ca.pem" "$directory/$name.pem" >/dev/null
    chmod 0400 "$directory/$name-key.pem"
    cp "$work/pki/$issuer-ca.pem" "$directory/"
}

certificates() {
    local both=serverAuth,clientAuth
    case $role in
    server) leaf consul consul consul $both server.dc1.consul consul.service.consul ;;
    *) leaf consul consul consul $both client.dc1.consul ;;
    esac
    case $role in
    server) leaf vault vault vault $both vault.service.consul active.vault.service.consul standby.vault.service.consul ;;
    support) leaf vault vault vault $both && leaf support support support serverAuth support ;;
    esac
    if [ "$role" != client ]; then leaf vault consul consul clientAuth client.dc1.consul; fi
    if [ "$role" = support ]; then return; fi
    case $role in
    server) leaf nomad nomad nomad $both server.global.nomad nomad.service.consul ;;
    client) leaf nomad nomad nomad $both client.global.nomad ;;
    esac
    leaf nomad consul consul clientAuth client.dc1.consul
    leaf nomad vault vault clientAuth
    leaf nomad cli nomad clientAuth cli.global.nomad
}

# put PATH: standard input into a file of the node.
put() {
    mkdir -p "$(dirname "$stage/$1")"
    cat >"$stage/$1"
}

unit() { put "etc/systemd/system/$2" <"$root/salt/$1"; }

# stage_node ID IPV4 IPV6 ROLE NODE_CLASS
stage_node() {
    local id=$1 ipv4=$2 ipv6=$3 role=$4 node_class=$5 stage=$work/stage/$1 units="consul"
    umask 022 # what is secret is so by its own mode; nobody else enters the working directory
    mkdir -p "$stage"
    certificates
    consul_configuration | put etc/consul.d/consul.hcl
    unit consul/files/consul.service consul.service
    firewall_configuration
    case $role in
    support)
        transit_configuration | put etc/vault.d/vault.hcl
        unit vault/files/vault.service vault.service
        store_configuration | put etc/nginx/conf.d/by-hand-artifacts.conf
        units="consul vault"
        ;;
    server)
        vault_configuration | put etc/vault.d/vault.hcl
        unit vault/files/vault.service vault.service
        { nomad_configuration && nomad_server; } | put etc/nomad.d/nomad.hcl
        unit nomad/files/nomad-server.service nomad.service
        units="consul nomad"
        ;;
    client)
        { nomad_configuration && nomad_client; } | put etc/nomad.d/nomad.hcl
        unit nomad/files/nomad-client.service nomad.service
        docker_configuration
        ;;
    esac
    put usr/local/share/ca-certificates/by-hand-support.crt <"$work/pki/support-ca.pem"
    put root/by-hand/on-node.sh <"$here/on-node.sh"
    node_settings | put root/by-hand/settings
}

# artifact NAME: its line for on-node.sh.
artifact() {
    local record
    record=$(ls "$artifacts/$1"/*/*.json)
    echo "$1 $(field version <"$record") $(field sha256 <"$record") $(field file <"$record")"
}

node_settings() {
    local name names
    case $role in
    support) names="consul vault" ;;
    server) names="consul vault nomad" ;;
    client) names="consul nomad pause" ;;
    esac
    printf "role=%s\nstore=%s\nunits='%s'\nartifacts='" "$role" "$(first_of support)" "$units"
    for name in $names; do artifact "$name"; done
    echo "'"
}

firewall_configuration() {
    local ports="8301/tcp 8301/udp 8501/tcp" port
    case $role in
    support) ports+=" 22/tcp 4505-4506/tcp 8200/tcp 8443/tcp" ;;
    server) ports+=" 8300/tcp 8302/tcp 8302/udp 8503/tcp 8200/tcp 8201/tcp 4646/tcp 4647/tcp 4648/tcp 4648/udp" ;;
    client) ports+=" 4646/tcp 20000-32000/tcp 20000-32000/udp" ;;
    esac
    {
        echo '<?xml version="1.0" encoding="utf-8"?><zone>'
        echo '<source address="10.99.0.0/24"/><source address="fd5a:99::/64"/>'
        for port in $ports; do echo "<port port=\"${port%/*}\" protocol=\"${port#*/}\"/>"; done
        echo '</zone>'
    } | put etc/firewalld/zones/by-hand.xml
    echo '<?xml version="1.0" encoding="utf-8"?><zone target="DROP"></zone>' | put etc/firewalld/zones/by-hand-drop.xml
}

consul_configuration() {
    cat <<END
datacenter = "dc1"
node_name = "$id"
data_dir = "/opt/consul"
disable_update_check = true
bind_addr = "$ipv4"
advertise_addr_ipv4 = "$ipv4"
advertise_addr_ipv6 = "$ipv6"
client_addr = "::"
addresses { dns = "127.0.0.1" }
ports { http = -1, https = 8501, grpc = -1, grpc_tls = 8503, dns = 53 }
retry_join = [$(quoted_list server)]
retry_interval = "1s"
encrypt = "$(secret consul-gossip)"
tls {
  defaults {
    ca_file = "/etc/ssl/consul/consul-ca.pem"
    cert_file = "/etc/ssl/consul/consul.pem"
    key_file = "/etc/ssl/consul/consul-key.pem"
    verify_incoming = true
    verify_outgoing = true
  }
  internal_rpc { verify_server_hostname = true }
  https { verify_incoming = false }
  grpc { verify_incoming = false }
}
acl {
  enabled = true
  default_policy = "deny"
  down_policy = "extend-cache"
  enable_token_persistence = true
  tokens {
    agent = "$(secret "agent-$id")"
    dns = "$(secret dns)"
  }
}
END
    if [ "$role" = server ]; then
        printf 'server = true\nbootstrap_expect = 3\nperformance { raft_multiplier = 1 }\n'
    fi
}

vault_listener() {
    cat <<END
listener "tcp" {
  address = "[::]:8200"
  tls_cert_file = "/etc/ssl/vault/vault.pem"
  tls_key_file = "/etc/ssl/vault/vault-key.pem"
}
api_addr = "https://$ipv4:8200"
cluster_addr = "https://$ipv4:8201"
disable_mlock = true
END
}

transit_configuration() {
    cat <<END
storage "raft" {
  path = "/opt/vault"
  node_id = "support"
  performance_multiplier = 1
}
$(vault_listener)
END
}

vault_configuration() {
    cat <<END
storage "consul" {
  address = "127.0.0.1:8501"
  scheme = "https"
  path = "vault/"
  token = "$(secret vault-storage)"
  tls_ca_file = "/etc/ssl/vault/consul-ca.pem"
}
$(vault_listener)
seal "transit" {
  address = "https://$(first_of support):8200"
  token = "$(secret seal)"
  key_name = "autounseal"
  mount_path = "transit/"
  tls_ca_cert = "/etc/ssl/vault/vault-ca.pem"
}
END
}

nomad_configuration() {
    cat <<END
datacenter = "dc1"
region = "global"
name = "$id"
data_dir = "/opt/nomad"
bind_addr = "::"
disable_update_check = true
advertise {
  http = "$ipv4"
  rpc = "$ipv4"
  serf = "$ipv4"
}
acl { enabled = true }
tls {
  http = true
  rpc = true
  ca_file = "/etc/ssl/nomad/nomad-ca.pem"
  cert_file = "/etc/ssl/nomad/nomad.pem"
  key_file = "/etc/ssl/nomad/nomad-key.pem"
  verify_server_hostname = true
  verify_https_client = false
}
END
}

# nomad_consul TOKEN
nomad_consul() {
    cat <<END
consul {
  address = "127.0.0.1:8501"
  ssl = true
  ca_file = "/etc/ssl/nomad/consul-ca.pem"
  cert_file = "/etc/ssl/nomad/consul.pem"
  key_file = "/etc/ssl/nomad/consul-key.pem"
  token = "$(secret "$1")"
END
}

nomad_server() {
    nomad_consul nomad-server
    cat <<END
  service_identity {
    aud = ["consul.io"]
    ttl = "1h"
  }
  task_identity {
    aud = ["consul.io"]
    ttl = "1h"
  }
}
vault {
  enabled = true
  default_identity {
    aud = ["vault.io"]
    ttl = "1h"
  }
}
server {
  enabled = true
  bootstrap_expect = 3
  encrypt = "$(secret nomad-gossip)"
  raft_multiplier = 1
  server_join {
    retry_join = [$(quoted_list server)]
    retry_interval = "1s"
  }
}
END
}

nomad_client() {
    nomad_consul nomad-client
    cat <<END
}
vault {
  enabled = true
  address = "https://active.vault.service.consul:8200"
  ca_file = "/etc/ssl/nomad/vault-ca.pem"
  jwt_auth_backend_path = "jwt-nomad"
}
client {
  enabled = true
  node_class = "$node_class"
  network_interface = "host0"
  cni_path = "/usr/lib/cni"
  min_dynamic_port = 20000
  max_dynamic_port = 32000
  options = {
    "driver.allowlist" = "docker"
    "fingerprint.denylist" = "env_aws,env_azure,env_gce,env_digitalocean"
  }
  server_join {
    retry_join = [$(quoted_list server)]
    retry_interval = "1s"
  }
}
plugin "docker" {
  config {
    allow_privileged = false
    infra_image = "$(field image <"$(ls "$artifacts"/pause/*/*.json)")"
    volumes { enabled = false }
    gc { image = false }
  }
}
END
}

docker_configuration() {
    put etc/docker/daemon.json <"$root/salt/docker/files/daemon.json"
    unit docker/files/saltern-containers.service saltern-containers.service
    put etc/by-hand/published-ports.nft <<'END'
table inet by-hand
delete table inet by-hand
table inet by-hand {
  chain published-ports {
    type filter hook forward priority filter - 10; policy accept;
    ct state != new accept
    iifname { "docker0", "nomad" } accept
    ip saddr 10.99.0.0/24 accept
    ip6 saddr fd5a:99::/64 accept
    ct status dnat drop
  }
}
END
    put etc/systemd/system/by-hand-published-ports.service <<'END'
[Unit]
Before=docker.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft --file /etc/by-hand/published-ports.nft
[Install]
WantedBy=multi-user.target
END
}

store_configuration() {
    cat <<'END'
server {
    listen 8443 ssl;
    ssl_certificate /etc/ssl/support/support.pem;
    ssl_certificate_key /etc/ssl/support/support-key.pem;
    root /var/lib/saltern-artifacts;
    sendfile on;
}
END
}
