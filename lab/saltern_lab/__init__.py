"""The lab: clusters of real Debian nodes on this machine, under systemd-nspawn."""
