#!py
# An event says that a node's certificates need something. It proves nothing: any minion can fire it in any name.
# So nothing is taken from it but an id, and the runner asks the registry whether that is a node.


def run():
    """Has the named node look at itself."""
    arguments = {"node": tag.split("/")[2]}  # noqa: F821 - Salt gives the event's tag
    look = {"runner.renewal.look": [{"args": [arguments]}]}
    return {"node looks at its certificates": look}
