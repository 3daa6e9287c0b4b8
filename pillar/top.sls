# Deliberately empty. What a node may know is decided by the external pillar (_pillar/), which looks the minion's id up
# in the registry. A pillar file matched here, by grains above all, would go to whoever claims the grain.
base: {}
