"""The reference page of profiles, printed from the table that validates them.

``PYTHONPATH=_utils python3 -m saltern.pki.reference >docs/reference/profiles.md`` renews the page.
"""

from __future__ import annotations

from saltern.definition.reference import table
from saltern.pki import client_csr, csr, profiles

_HEAD = f"""\
# Certificate profiles

`pillar/pki/profiles.yaml` says what a certificate is for, how long it lives and who may ask for it. Anything wrong is
reported at once, with its line, key and cure. Nodes need {", ".join(f"`{name}`" for name in profiles.NODE_PROFILES)}.

This page is printed from the table that validates the file (`_utils/saltern/pki/profiles.py`).
"""
_RULES = f"""
## What is never signed

- A request that its own key did not sign, or not with SHA-256, SHA-384 or SHA-512.
- A key other than P-256, P-384 and P-521. Clients outside may have RSA of {min(csr.RSA_SIZES)} to \
{max(csr.RSA_SIZES)} bits, too.
- An extension other than alternative names, so no authority (`CA:TRUE`, even `CA:FALSE`) and no usages of the
  asker's choice.
- More than {csr.MAXIMUM_NAMES} names, more than {csr.MAXIMUM_SIZE} characters, an e-mail address or a URI.
- For nodes any wildcard; for clients one that `dns` does not name as it stands.
- A common name that is not allowed as a name. Other parts of a client's subject
  ({", ".join(list(client_csr.SUBJECT)[1:])})
  are left out: nobody has proved them. Only a cfssl set-up that was taken over keeps them.
"""


def page() -> str:
    """The whole page as Markdown."""
    return "\n".join([_HEAD, *table(profiles.TABLE)]) + "\n" + _RULES


if __name__ == "__main__":
    print(page(), end="")
