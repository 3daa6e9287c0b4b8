"""The two services of the certificate authority: the core, which signs, and the HTTP door, which holds no key."""
