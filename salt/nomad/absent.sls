# Nomad with its configuration, keys and data. The system user stays, so that its uid is never given to somebody else.
Nomad does not run:
  unit.absent:
    - name: nomad

What Nomad mounted for tasks is unmounted:
  cmd.run:
    - name: awk '$2 ~ "^/opt/nomad/" {print $2}' /proc/mounts | xargs --no-run-if-empty umount
    - onlyif: grep --quiet ' /opt/nomad/' /proc/mounts
    - require:
      - unit: Nomad does not run

Nothing of Nomad is left:
  file.absent:
    - names:
      - /etc/nomad.d
      - /opt/nomad
    - require:
      - cmd: What Nomad mounted for tasks is unmounted

No key or certificate of Nomad is left:
  node_cert.absent:
    - application: nomad
    - require:
      - unit: Nomad does not run

Nomad's binaries are gone:
  artifact.absent:
    - name: nomad
    - require:
      - unit: Nomad does not run
