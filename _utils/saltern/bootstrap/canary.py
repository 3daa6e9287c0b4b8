"""The canary: a container that is there only if Docker, the artifact store, DNS and both workload identities work.

It serves the digest of a secret that only its identity may read, and the address of Vault as Consul told it.
"""

from __future__ import annotations

import hashlib

from saltern.prove.view import CANARY_SECRET

TEMPLATE = """\
job "canary" {{
  datacenters = ["{datacenter}"]
  type        = "service"

  constraint {{
    attribute = "${{node.class}}"
    value     = "{node_class}"
  }}

  group "canary" {{
    network {{
      port "http" {{
        to = 8080
      }}
    }}

    service {{
      name     = "canary"
      port     = "http"
      provider = "consul"

      check {{
        type     = "http"
        path     = "/"
        interval = "2s"
        timeout  = "1s"
      }}
    }}

    task "canary" {{
      driver = "docker"
      # The server is PID 1 of its container and has no handler for SIGTERM; it holds nothing that could be lost.
      kill_signal = "SIGKILL"

      artifact {{
        source      = "{image_url}"
        destination = "local/"

        options {{
          checksum = "sha256:{image_sha256}"
          archive  = "false"
        }}
      }}

      config {{
        load            = "{image_file}"
        image           = "{image_name}"
        ports           = ["http"]
        command         = "httpd"
        args            = ["-f", "-p", "8080", "-h", "/local/www"]
        cap_drop        = ["ALL"]
        readonly_rootfs = true
        pids_limit      = 32
      }}

      # Its token is for the template alone: `docker inspect` shows a container's environment.
      vault {{
        env = false
      }}
      consul {{}}

      template {{
        destination = "local/www/index.html"
        change_mode = "noop"
        data        = <<EOT
marker {{{{ with secret "secret/data/{path}" }}}}{{{{ .Data.data.marker | sha256Hex }}}}{{{{ end }}}}
vault {{{{ range service "active.vault" }}}}{{{{ .Address }}}}:{{{{ .Port }}}} {{{{ end }}}}
EOT
      }}

      resources {{
        cpu    = 50
        memory = 32
      }}
    }}
  }}
}}
"""


def jobspec(datacenter: str, node_class: str, image: dict[str, str]) -> str:
    """The job in HCL. ``image`` has ``url``, ``sha256``, ``file`` and ``image`` of our own container image."""
    return TEMPLATE.format(
        datacenter=datacenter,
        node_class=node_class,
        image_url=image["url"],
        image_sha256=image["sha256"],
        image_file=image["file"],
        image_name=image["image"],
        path=CANARY_SECRET,
    )


def digest(marker: str) -> str:
    """What the canary serves for ``marker``: proof that it read the secret, not the secret."""
    return hashlib.sha256(marker.encode()).hexdigest()
