# curl, Nomad's artifact downloads and everything else that uses the system's roots can verify the artifact store.
include:
  - base.identity

This node trusts the support server's root:
  file.managed:
    - name: /usr/local/share/ca-certificates/saltern-support.crt
    - contents: {{ pillar.saltern.trust.support | tojson }}
    - mode: '0644'
  cmd.run:
    - name: update-ca-certificates
    - onchanges:
      - file: This node trusts the support server's root
