"""Programs that a hostile worker runs, as root on its own node. Each prints one object: what became of each attempt."""
