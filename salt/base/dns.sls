# Names go to Consul's agent on this node, which asks the former name servers for what is not below `consul.`.
# Not before the agent is to run: a node without it would resolve nothing.
include:
  - consul.running
{%- if pillar.saltern.services.consul %}

Names are resolved by Consul:
  file.managed:
    - name: /etc/resolv.conf
    - contents: {{ salt["resolver.resolv_conf"]() | tojson }}
    - follow_symlinks: False
    - mode: '0644'
    - require:
      - unit: Consul runs
{%- endif %}
