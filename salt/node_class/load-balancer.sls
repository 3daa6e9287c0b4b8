# Load balancers take the users' traffic: an ingress job binds 80 and 443 without root and without any capability.
Ports from 80 on need no privilege and queues are long:
  file.managed:
    - name: /etc/sysctl.d/60-saltern-load-balancer.conf
    - mode: '0644'
    - contents: |
        net.ipv4.ip_unprivileged_port_start = 80
        net.core.somaxconn = 8192
        net.ipv4.tcp_max_syn_backlog = 8192
  cmd.run:
    - name: sysctl --quiet --load /etc/sysctl.d/60-saltern-load-balancer.conf
    - onchanges:
      - file: Ports from 80 on need no privilege and queues are long
