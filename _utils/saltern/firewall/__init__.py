"""The platform's firewall: who may reach what, as values. Applied by the state ``zone_firewall.managed``."""
