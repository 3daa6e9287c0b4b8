"""Nomad's ACL system. Only the bootstrap secret may be chosen; other tokens' ids are Nomad's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from saltern.clients.http import Endpoint
from saltern.errors import ServiceRefused


class NomadAcl:
    """Bootstrap, policies, tokens, roles, auth methods, binding rules. Rights: a management token."""

    endpoint: Endpoint

    def bootstrap_acl(self, secret_id: str) -> bool:
        """Make ``secret_id`` (a UUID) the first management token; whether that was done now. Anonymous.

        ``False``: it was done before, with this secret or another. ``token_self`` tells which.
        """
        try:
            self.endpoint.post("/v1/acl/bootstrap", {"BootstrapSecret": secret_id})
        except ServiceRefused as refused:
            if "already done" in refused.detail:
                return False
            raise
        return True

    def token_self(self) -> dict[str, Any] | None:
        """The token that this client presents, or ``None`` when Nomad does not know it."""
        try:
            return dict(self.endpoint.get("/v1/acl/token/self"))
        except ServiceRefused as refused:
            if refused.status == 403:  # "Permission denied": Nomad does not say that it knows no such token
                return None
            raise

    def policies(self) -> list[str]:
        """The names of the policies."""
        return [row["Name"] for row in self.endpoint.get("/v1/acl/policies") or []]

    def policy(self, name: str) -> dict[str, Any] | None:
        """A policy, or ``None``."""
        found: dict[str, Any] | None = self.endpoint.find(f"/v1/acl/policy/{name}")
        return found

    def ensure_policy(
        self, name: str, rules: str, description: str = "", job_acl: Mapping[str, str] | None = None
    ) -> bool:
        """Make the policy say just this; whether that changed anything.

        :param job_acl: ``{Namespace, JobID, Group, Task}``: binds the policy to a workload identity.
        """
        found = self.policy(name)
        wanted: dict[str, Any] = {"Name": name, "Description": description, "Rules": rules}
        if job_acl:
            wanted["JobACL"] = dict(job_acl)
        if found is not None and _same(found, wanted, ("Description", "Rules", "JobACL")):
            return False
        self.endpoint.post(f"/v1/acl/policy/{name}", wanted)
        return True

    def delete_policy(self, name: str) -> bool:
        """Delete a policy; whether there was one."""
        if self.policy(name) is None:
            return False
        return self.endpoint.delete(f"/v1/acl/policy/{name}")

    def tokens(self) -> list[dict[str, Any]]:
        """Every token, without secrets."""
        return list(self.endpoint.get("/v1/acl/tokens") or [])

    def token(self, accessor_id: str) -> dict[str, Any] | None:
        """A token with its secret, or ``None``."""
        found: dict[str, Any] | None = self.endpoint.find(f"/v1/acl/token/{accessor_id}")
        return found

    def create_token(self, name: str, kind: str, policies: Sequence[str] = (), *, ttl: str = "") -> dict[str, Any]:
        """A new token: ``{AccessorID, SecretID, …}``. Nomad chooses both ids.

        :param kind: ``client`` or ``management`` (then without policies).
        :param ttl: a duration; without it the token lives until it is deleted.
        """
        body: dict[str, Any] = {"Name": name, "Type": kind, "Policies": list(policies)}
        if ttl:
            body["ExpirationTTL"] = ttl
        return dict(self.endpoint.post("/v1/acl/token", body))

    def delete_token(self, accessor_id: str) -> bool:
        """Delete a token; whether there was one."""
        if self.token(accessor_id) is None:
            return False
        return self.endpoint.delete(f"/v1/acl/token/{accessor_id}")

    def ensure_role(self, name: str, policies: Sequence[str], description: str = "") -> bool:
        """Make the role hold just these policies; whether that changed anything."""
        found = self.endpoint.find(f"/v1/acl/role/name/{name}")
        wanted = {"Name": name, "Description": description, "Policies": [{"Name": policy} for policy in policies]}
        if found is not None and _same(found, wanted, ("Description", "Policies")):
            return False
        self.endpoint.post(
            "/v1/acl/role" + (f"/{found['ID']}" if found else ""), wanted | ({"ID": found["ID"]} if found else {})
        )
        return True

    def ensure_auth_method(
        self, name: str, kind: str, config: Mapping[str, Any], *, lifetime: str = "1h", default: bool = False
    ) -> bool:
        """Make the auth method be just this; whether that changed anything.

        :param kind: ``JWT`` or ``OIDC``.
        :param config: ``JWKSURL``, ``JWKSCACert``, ``JWTValidationPubKeys``, ``BoundAudiences``, ``ClaimMappings``, …
        :param lifetime: of its tokens, a duration.
        """
        found = self.endpoint.find(f"/v1/acl/auth-method/{name}")
        wanted = {
            "Name": name,
            "Type": kind,
            "TokenLocality": "local",
            "MaxTokenTTL": lifetime,
            "Default": default,
            "Config": dict(config),
        }
        held = (
            found is not None
            and found["Type"] == kind
            and bool(found["Default"]) == default
            and all((found["Config"] or {}).get(key) == value for key, value in config.items())
        )
        if held:
            return False
        self.endpoint.post("/v1/acl/auth-method" + (f"/{name}" if found else ""), wanted)
        return True

    def ensure_binding_rule(self, method: str, *, selector: str, bind_type: str, bind_name: str) -> bool:
        """Make the method have this rule; whether that changed anything. Type and selector tell rules apart."""
        wanted = {"AuthMethod": method, "Selector": selector, "BindType": bind_type, "BindName": bind_name}
        for row in self.endpoint.get("/v1/acl/binding-rules") or []:
            rule = self.endpoint.get(f"/v1/acl/binding-rule/{row['ID']}")
            if (rule["AuthMethod"], rule["Selector"], rule["BindType"]) == (method, selector, bind_type):
                if rule["BindName"] == bind_name:
                    return False
                self.endpoint.post(f"/v1/acl/binding-rule/{row['ID']}", wanted | {"ID": row["ID"]})
                return True
        self.endpoint.post("/v1/acl/binding-rule", wanted)
        return True

    def login(self, method: str, jwt: str) -> dict[str, Any]:
        """Exchange a JWT for a token. Anonymous."""
        return dict(self.endpoint.post("/v1/acl/login", {"AuthMethodName": method, "LoginToken": jwt}))


def _same(found: Mapping[str, Any], wanted: Mapping[str, Any], names: Sequence[str]) -> bool:
    """Whether ``found`` says the same as ``wanted`` under ``names``; indexes and hashes do not count."""
    return all(_plain(found.get(name)) == _plain(wanted.get(name)) for name in names)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return sorted(row["Name"] if isinstance(row, Mapping) else str(row) for row in value)
    if isinstance(value, Mapping):
        return {key: inner for key, inner in value.items() if inner}
    return value.strip() if isinstance(value, str) else value or None
