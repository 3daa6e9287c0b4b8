# Comes with the support server (support/install); a missing one fails here, by its name.
Package nginx is on the support server:
  file.exists:
    - name: /usr/sbin/nginx
