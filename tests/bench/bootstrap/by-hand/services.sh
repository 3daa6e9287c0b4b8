# shellcheck shell=bash
# From running Consul agents to the canary, by the services' APIs.
# shellcheck disable=SC2154,SC2016 # work, nodes, operators, artifacts come from bootstrap; ${value…} is Consul's

# --- Consul ---
consul_has_leader() { get consul "https://$(first_of server):8501/v1/status/leader" | grep -q :8300; }

consul_bootstrapped() {
    echo "{\"BootstrapSecret\": \"$(secret consul-bootstrap)\"}" | consul_api PUT acl/bootstrap >"$work/secrets/consul-answer"
}

# policy NAME RULES
policy() { echo "{\"Name\": \"$1\", \"Rules\": $(json "$2")}" | consul_api PUT acl/policy >/dev/null; }
# token SECRET WHAT: `WHAT` is the JSON of its rights.
token() { echo "{\"SecretID\": \"$(secret "$1")\", \"Description\": \"$1\", $2}" | consul_api PUT acl/token >/dev/null; }

consul_acl() {
    local id
    until_true 30 consul_bootstrapped
    policy vault-storage 'key_prefix "vault/" { policy = "write" }
service "vault" { policy = "write" }
agent_prefix "" { policy = "read" }
session_prefix "" { policy = "write" }'
    policy nomad-server 'agent_prefix "" { policy = "read" }
node_prefix "" { policy = "read" }
service "nomad" { policy = "write" }'
    policy nomad-client 'agent_prefix "" { policy = "read" }
node_prefix "" { policy = "read" }
service_prefix "" { policy = "write" }'
    policy nomad-tasks 'node_prefix "" { policy = "read" }
service_prefix "" { policy = "read" }'
    policy status 'acl = "read"
operator = "read"
node_prefix "" { policy = "read" }
service_prefix "" { policy = "read" }'
    while read -r id _; do
        token "agent-$id" "\"NodeIdentities\": [{\"NodeName\": \"$id\", \"Datacenter\": \"dc1\"}]"
    done <"$nodes"
    token dns '"TemplatedPolicies": [{"TemplateName": "builtin/dns"}]'
    token vault-storage '"Policies": [{"Name": "vault-storage"}]'
    token nomad-server '"Policies": [{"Name": "nomad-server"}]'
    token nomad-client '"Policies": [{"Name": "nomad-client"}]'
    token status '"Policies": [{"Name": "status"}]'
    token engine '"Policies": [{"Name": "global-management"}]'
}

# The token that each agent has already, once more: it then synchronises at once.
consul_agents() {
    local id ipv4
    while read -r id ipv4 _; do
        echo "{\"Token\": \"$(secret "agent-$id")\"}" |
            call consul X-Consul-Token "$(secret consul-bootstrap)" PUT "https://$ipv4:8501/v1/agent/token/agent"
    done <"$nodes"
    until_true 90 every_agent_registered
}
every_agent_registered() {
    [ "$(consul_api GET catalog/nodes </dev/null | grep -o '"consul-version"' | wc -l)" -eq "$(wc -l <"$nodes")" ]
}

# --- Vault ---
vault_listens() { [ "$(vault_code "$1")" != 000 ]; }
vault_is_active() { [ "$(vault_code "$1")" = 200 ]; }
vault_code() {
    in_lab curl --silent --max-time 3 --output /dev/null --write-out '%{http_code}' \
        --cacert "$work/pki/vault-ca.pem" "https://$1:8200/v1/sys/health" || true
}
active_vault() {
    local address
    for address in $(addresses_of server); do
        if vault_is_active "$address"; then echo "$address" && return; fi
    done
    return 1
}

# operator_init ADDRESS NAME shares|recovery: five shares, each sealed to an operator, three of them needed.
operator_init() {
    local shares=-key-shares threshold=-key-threshold keys=-pgp-keys
    if [ "$3" = recovery ]; then
        shares=-recovery-shares threshold=-recovery-threshold keys=-recovery-pgp-keys
    fi
    in_lab env HOME="$work" VAULT_ADDR="https://$1:8200" VAULT_CACERT="$work/pki/vault-ca.pem" \
        "$(ls "$artifacts"/vault/*/vault)" operator init $shares=5 $threshold=3 "$keys=$(public_keys)" \
        >"$work/secrets/$2-init"
    sed -n 's/^Initial Root Token: //p' "$work/secrets/$2-init" | keep "$2-root"
}
public_keys() { find "$operators" -mindepth 2 -maxdepth 2 -name public.asc | sort | paste -sd,; }

# Three operators decrypt and give their shares.
unseal() {
    local number=0 home share
    while read -r home; do
        number=$((number + 1))
        share=$(sed -n "s/^Unseal Key $number: //p" "$work/secrets/transit-init" | base64 -d |
            gpg --homedir "$home" --batch --quiet --no-tty --decrypt)
        echo "{\"key\": \"$share\"}" | vault_api "$1" transit-root PUT sys/unseal >/dev/null
    done < <(find "$operators" -mindepth 1 -maxdepth 1 -type d | sort | head -n 3)
}

transit_vault() {
    local address
    address=$(first_of support)
    until_true 60 vault_listens "$address"
    operator_init "$address" transit shares
    unseal "$address"
    until_true 60 vault_is_active "$address"
    put_transit() { vault_api "$address" transit-root "$@" >/dev/null; }
    echo '{"type": "file", "options": {"file_path": "/var/log/vault/audit.log"}}' | put_transit PUT sys/audit/file
    echo '{"type": "transit"}' | put_transit POST sys/mounts/transit
    echo '{}' | put_transit POST transit/keys/autounseal
    vault_policy autounseal 'path "transit/encrypt/autounseal" { capabilities = ["update"] }
path "transit/decrypt/autounseal" { capabilities = ["update"] }' | put_transit PUT sys/policies/acl/autounseal
    echo "{\"id\": \"$(secret seal)\", \"policies\": [\"autounseal\"], \"period\": \"768h\", \"no_parent\": true}" |
        put_transit POST auth/token/create
}

vault_policy() { echo "{\"policy\": $(json "$2")}"; }
put_vault() { vault_api "$vault" vault-root "$@" >/dev/null; }

vault_up() {
    local address role
    on_all server systemctl --quiet enable --now --no-block vault
    address=$(first_of server)
    until_true 60 vault_listens "$address"
    operator_init "$address" vault recovery
    until_true 90 active_vault
    vault=$(active_vault)
    echo '{"type": "file", "options": {"file_path": "/var/log/vault/audit.log"}}' | put_vault PUT sys/audit/file
    echo '{"type": "kv", "options": {"version": "2"}}' | put_vault POST sys/mounts/secret
    echo '{"type": "consul"}' | put_vault POST sys/mounts/consul
    echo '{"type": "nomad"}' | put_vault POST sys/mounts/nomad
    echo '{"type": "approle"}' | put_vault POST sys/auth/approle
    echo '{"type": "jwt"}' | put_vault POST sys/auth/jwt-nomad
    vault_policy master 'path "consul/creds/master" { capabilities = ["read"] }
path "nomad/creds/master" { capabilities = ["read"] }' | put_vault PUT sys/policies/acl/master
    echo "{\"address\": \"127.0.0.1:8501\", \"scheme\": \"https\", \"token\": \"$(secret engine)\",
        \"ca_cert\": $(json "$(cat "$work/pki/consul-ca.pem")")}" | put_vault POST consul/config/access
    echo '{"consul_policies": ["global-management"], "ttl": 900, "max_ttl": 1800}' | put_vault POST consul/roles/master
    role="{\"token_policies\": [\"master\"], \"token_ttl\": \"15m\", \"token_bound_cidrs\": [\"$(first_of support)/32\"]}"
    echo "$role" | put_vault POST auth/approle/role/master
    echo '{}' | vault_api "$vault" vault-root POST auth/approle/role/master/secret-id | field secret_id | keep master-login
}

# --- Nomad ---
nomad_has_leader() { get nomad "https://$(first_of server):4646/v1/status/leader" | grep -q :4647; }
nomad_bootstrapped() {
    echo "{\"BootstrapSecret\": \"$(secret nomad-bootstrap)\"}" |
        call nomad X-By-Hand none PUT "https://$(first_of server):4646/v1/acl/bootstrap" >"$work/secrets/nomad-answer"
}

nomad_up() {
    until_true 90 nomad_has_leader
    until_true 30 nomad_bootstrapped
    echo "{\"Name\": \"status\", \"Rules\": $(json 'namespace "*" { policy = "read" }
node { policy = "read" }
agent { policy = "read" }
operator { policy = "read" }')}" | nomad_api PUT acl/policy/status
    echo '{"Name": "status", "Type": "client", "Policies": ["status"]}' | nomad_api PUT acl/token |
        field SecretID | keep nomad-status
    echo '{"Name": "engine", "Type": "management"}' | nomad_api PUT acl/token | field SecretID | keep nomad-engine
    echo "{\"address\": \"https://nomad.service.consul:4646\", \"token\": \"$(secret nomad-engine)\",
        \"ca_cert\": $(json "$(cat "$work/pki/nomad-ca.pem")")}" | put_vault POST nomad/config/access
    echo '{"ttl": 900, "max_ttl": 1800}' | put_vault POST nomad/config/lease
    echo '{"type": "management"}' | put_vault POST nomad/role/master
}

jwt_accepted() {
    echo "{\"jwks_url\": \"https://nomad.service.consul:4646/.well-known/jwks.json\", \"jwt_supported_algs\": [\"RS256\",
        \"EdDSA\"], \"default_role\": \"workloads\", \"jwks_ca_pem\": $(json "$(cat "$work/pki/nomad-ca.pem")")}" |
        put_vault POST auth/jwt-nomad/config
}

workload_identity() {
    local metadata
    echo "{\"Name\": \"nomad-workloads\", \"Type\": \"jwt\", \"Config\": {\"BoundAudiences\": [\"consul.io\"],
        \"JWKSURL\": \"https://nomad.service.consul:4646/.well-known/jwks.json\", \"JWTSupportedAlgs\": [\"RS256\"],
        \"JWKSCACert\": $(json "$(cat "$work/pki/nomad-ca.pem")"), \"ClaimMappings\": {\"nomad_service\": \"nomad_service\",
        \"nomad_namespace\": \"nomad_namespace\", \"nomad_job_id\": \"nomad_job_id\", \"nomad_task\": \"nomad_task\"}}}" |
        consul_api PUT acl/auth-method >/dev/null
    echo '{"AuthMethod": "nomad-workloads", "BindType": "service", "BindName": "${value.nomad_service}",
        "Selector": "\"nomad_service\" in value"}' | consul_api PUT acl/binding-rule >/dev/null
    echo '{"AuthMethod": "nomad-workloads", "BindType": "role", "BindName": "nomad-${value.nomad_namespace}-tasks",
        "Selector": "\"nomad_service\" not in value"}' | consul_api PUT acl/binding-rule >/dev/null
    echo '{"Name": "nomad-default-tasks", "Policies": [{"Name": "nomad-tasks"}]}' | consul_api PUT acl/role >/dev/null
    metadata="identity.entity.aliases.$(vault_api "$vault" vault-root GET sys/auth </dev/null |
        grep -o '"jwt-nomad/":{[^}]*' | field accessor).metadata"
    vault_policy workloads "path \"secret/data/{{$metadata.nomad_namespace}}/{{$metadata.nomad_job_id}}\" {
  capabilities = [\"read\"]
}" | put_vault PUT sys/policies/acl/workloads
    until_true 60 jwt_accepted
    echo '{"role_type": "jwt", "bound_audiences": ["vault.io"], "user_claim": "/nomad_job_id", "token_period": "30m",
        "user_claim_json_pointer": true, "token_type": "service", "token_policies": ["workloads"], "claim_mappings":
        {"nomad_namespace": "nomad_namespace", "nomad_job_id": "nomad_job_id", "nomad_task": "nomad_task"}}' |
        put_vault POST auth/jwt-nomad/role/workloads
}

nomad_clients() {
    on_all client systemctl --quiet enable --now --no-block nomad
    until_true 120 every_client_ready
}
every_client_ready() {
    [ "$(nomad_api GET nodes </dev/null | grep -o '"Status":"ready"' | wc -l)" -eq "$(ids_of client | wc -l)" ]
}

# --- The canary, and the end of the bootstrap tokens ---
job() {
    local record name
    record=$(ls "$artifacts"/canary/*/*.json) name=$(field file <"$(ls "$artifacts"/canary/*/*.json)")
    cat <<END
job "canary" {
  datacenters = ["dc1"]
  constraint {
    attribute = "\${node.class}"
    value = "general"
  }
  group "canary" {
    network {
      port "http" { to = 8080 }
    }
    service {
      name = "canary"
      port = "http"
      check {
        type = "http"
        path = "/"
        interval = "2s"
        timeout = "1s"
      }
    }
    task "canary" {
      driver = "docker"
      artifact {
        source = "https://$(first_of support):8443/canary/$(field version <"$record")/$name"
        destination = "local/"
        options {
          checksum = "sha256:$(field sha256 <"$record")"
          archive = "false"
        }
      }
      config {
        load = "$name"
        image = "$(field image <"$record")"
        ports = ["http"]
        command = "httpd"
        args = ["-f", "-p", "8080", "-h", "/local/www"]
        cap_drop = ["ALL"]
        readonly_rootfs = true
      }
      vault {}
      consul {}
      template {
        destination = "local/www/index.html"
        data = <<EOT
{{ with secret "secret/data/default/canary" }}{{ .Data.data.marker | sha256Hex }}{{ end }}
{{ range service "active.vault" }}{{ .Address }}:{{ .Port }}{{ end }}
EOT
      }
      resources {
        cpu = 50
        memory = 32
      }
    }
  }
}
END
}

canary_serves() {
    local found
    found=$(as=status consul_api GET health/service/canary </dev/null | grep -o '"Service":{.*')
    in_lab curl --silent --fail --max-time 3 "http://$(field Address <<<"$found"):$(grep -o '"Port":[0-9]*' <<<"$found" |
        head -n 1 | cut -d: -f2)/" | grep -q "$(printf %s "$(secret marker)" | sha256sum | cut -d' ' -f1)"
}

canary() {
    echo "{\"data\": {\"marker\": \"$(secret marker)\"}}" | put_vault POST secret/data/default/canary
    echo "{\"JobHCL\": $(json "$(job)"), \"Canonicalize\": true}" | nomad_api POST jobs/parse >"$work/canary.json"
    { echo '{"Job":' && cat "$work/canary.json" && echo '}'; } | nomad_api PUT jobs >/dev/null
    until_true 120 canary_serves
}

revoke() {
    as=engine consul_api DELETE "acl/token/$(field AccessorID <"$work/secrets/consul-answer")" </dev/null >/dev/null
    as=nomad-engine nomad_api DELETE "acl/token/$(field AccessorID <"$work/secrets/nomad-answer")" </dev/null
    put_vault POST auth/token/revoke-self </dev/null
    vault_api "$(first_of support)" transit-root POST auth/token/revoke-self </dev/null
    find "$work/secrets" -name '*-answer' -delete -o -name '*-root' -delete
}
