# Packages come with the node's image: a node reaches no package server. A missing one fails here, by its name.
Package docker.io is in the image:
  file.exists:
    - name: /usr/sbin/dockerd

Package containernetworking-plugins is in the image:
  file.exists:
    - name: /usr/lib/cni/bridge
