# Grains are self-claimed. The registry decides; a node that claims something else gets nothing.
This node is what the registry says it is:
  identity.verified:
    - order: first
    - failhard: True
