# shellcheck shell=bash
# What the other files share: time, waiting, secrets, APIs.
# shellcheck disable=SC2154 # work, nodes and the like come from bootstrap

# --- Time and waiting ---
now() { date +%s%3N; }

mark_start() {
    last=$(now)
    : >"$work/times"
}

# mark PHASE: writes how long it is since the last mark.
mark() {
    local t
    t=$(now)
    printf '%d.%03d\t%s\n' $(((t - last) / 1000)) $(((t - last) % 1000)) "$1" >>"$work/times"
    last=$t
}

# until_true SECONDS COMMAND…
until_true() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || {
            echo "by hand: waited in vain for: $*" >&2
            return 1
        }
        sleep 0.1
    done
}

wait_for_jobs() {
    local job
    for job in "$@"; do wait "$job"; done
}

# --- Nodes ---
ids_of() { awk -v role="$1" '$4 == role {print $1}' "$nodes"; }
addresses_of() { awk -v role="$1" '$4 == role {print $2}' "$nodes"; }
first_of() { addresses_of "$1" | head -n 1; }
quoted_list() { addresses_of "$1" | sed 's/.*/"&"/' | paste -sd,; }
on() {
    local id=$1
    shift
    "$root/lab/exec" "$id" -- "$@"
}
# on_all ROLE COMMAND…: at the same time on every node of a role.
on_all() {
    local id jobs=() role=$1
    shift
    for id in $(ids_of "$role"); do
        on "$id" "$@" </dev/null &
        jobs+=($!)
    done
    wait_for_jobs "${jobs[@]}"
}

# --- Secrets: files that only root reads ---
uuid() { cat /proc/sys/kernel/random/uuid; }
secret() { cat "$work/secrets/$1"; }
keep() { cat >"$work/secrets/$1"; }

choose_secrets() {
    local name id
    mkdir -p "$work/secrets" "$work/pki" "$work/stage"
    for name in consul-bootstrap nomad-bootstrap dns vault-storage seal nomad-server nomad-client status engine marker; do
        uuid | keep "$name"
    done
    while read -r id _; do uuid | keep "agent-$id"; done <"$nodes"
    openssl rand -base64 32 | keep consul-gossip
    openssl rand -base64 32 | keep nomad-gossip
}

# --- APIs ---
in_lab() { nsenter --net="/run/netns/saltern-$SALTERN_LAB" "$@"; }

# call ROOT HEADER SECRET METHOD URL: the body, if any, comes from standard input. Tokens never are arguments.
call() {
    local ca=$1 header=$2 token=$3 method=$4 url=$5
    printf '%s: %s\n' "$header" "$token" >"$work/header.$BASHPID"
    in_lab curl --silent --show-error --fail-with-body --max-time 60 --cacert "$work/pki/$ca-ca.pem" \
        --header "@$work/header.$BASHPID" --request "$method" --data-binary @- "$url"
}
consul_api() { call consul X-Consul-Token "$(secret "${as:-consul-bootstrap}")" "$1" "https://$(first_of server):8501/v1/$2"; }
nomad_api() { call nomad X-Nomad-Token "$(secret "${as:-nomad-bootstrap}")" "$1" "https://$(first_of server):4646/v1/$2"; }
# vault_api ADDRESS SECRET METHOD PATH
vault_api() { call vault X-Vault-Token "$(secret "$2")" "$3" "https://$1:8200/v1/$4"; }
get() { # ROOT URL: without a token
    in_lab curl --silent --fail --max-time 3 --cacert "$work/pki/$1-ca.pem" "$2"
}

# json TEXT: as a JSON string.
json() {
    local text=${1//\\/\\\\}
    text=${text//\"/\\\"}
    printf '"%s"' "${text//$'\n'/\\n}"
}
# field NAME: the first string of this name in the JSON on standard input.
field() { grep -o "\"$1\": *\"[^\"]*\"" | head -n 1 | sed 's/^[^:]*: *"//; s/"$//'; }
