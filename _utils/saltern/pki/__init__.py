"""The certificate authority: its roots, what a node may hold, signing, and when to renew. Never imports Salt."""
