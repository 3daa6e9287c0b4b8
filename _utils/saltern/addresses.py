"""Addresses as text. Pure."""

from __future__ import annotations


def bracketed(address: str) -> str:
    """An address as a URL wants it: an IPv6 address in brackets."""
    return f"[{address}]" if ":" in address else address
