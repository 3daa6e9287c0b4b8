"""Artifacts: what Saltern installs, where it comes from, and how it gets onto a node."""

from saltern.artifacts.needs import for_job, for_node, missing, store_index

__all__ = ["for_job", "for_node", "missing", "store_index"]
