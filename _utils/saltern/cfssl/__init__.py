"""The protocol of cfssl's ``multirootca``: what it says, who may ask, and its configuration files. Pure: no I/O.

Source: github.com/cloudflare/cfssl, packages ``api``, ``auth``, ``cmd/multirootca``, ``config``, ``multiroot/config``.
"""
