"""Runs the tiers of Saltern's tests and adds up what they say. Started by ``tests/run``."""
