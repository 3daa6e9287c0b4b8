"""The bootstrap: a graph of named steps that turns bare minions into a verified cluster."""
