"""Everything that talks to something: services, files of the support server, the lab. No Salt."""
