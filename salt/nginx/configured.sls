# The artifact store: one HTTPS site, and nginx in a sandbox. Debian's default site would open port 80: it goes.
include:
  - base.certificates
  - nginx.installed

Debian's default site is off:
  file.absent:
    - name: /etc/nginx/sites-enabled/default

The artifact store's site is there:
  file.managed:
    - name: /etc/nginx/conf.d/saltern-artifacts.conf
    - source: salt://nginx/files/artifacts.conf.jinja
    - template: jinja
    - mode: '0644'
    - require:
      - sls: nginx.installed

nginx runs in a sandbox:
  file.managed:
    - name: /etc/systemd/system/nginx.service.d/saltern.conf
    - source: salt://nginx/files/sandbox.conf
    - makedirs: True
    - mode: '0644'
