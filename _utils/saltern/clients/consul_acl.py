"""Consul's ACL system. Token ids may be chosen, so that agents' final configuration can lie on disk beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from saltern.clients.http import Endpoint
from saltern.errors import ServiceRefused


class ConsulAcl:
    """Bootstrap, policies, tokens, roles, auth methods, binding rules. Rights: ``acl:write`` if not said."""

    endpoint: Endpoint

    def bootstrap_acl(self, secret_id: str) -> bool:
        """Make ``secret_id`` (a UUID) the first management token; whether that was done now. Anonymous.

        ``False``: it was done before, with this secret or another. ``token_self`` tells which.
        """
        try:
            self.endpoint.put("/v1/acl/bootstrap", {"BootstrapSecret": secret_id})
        except ServiceRefused as refused:
            if "no longer allowed" in refused.detail:
                return False
            raise
        return True

    def token_self(self) -> dict[str, Any] | None:
        """The token that this client presents, or ``None`` when Consul does not know it."""
        try:
            return dict(self.endpoint.get("/v1/acl/token/self"))
        except ServiceRefused as refused:
            if refused.status == 403 and "not found" in refused.detail.lower():
                return None
            raise

    def policy(self, name: str) -> dict[str, Any] | None:
        """A policy by name. Rights: ``acl:read``."""
        found: dict[str, Any] | None = self.endpoint.find(f"/v1/acl/policy/name/{name}")
        return found

    def ensure_policy(self, name: str, rules: str, description: str = "") -> bool:
        """Make the policy say just this; whether that changed anything."""
        found, body = self.policy(name), {"Name": name, "Rules": rules, "Description": description}
        return self._upsert("/v1/acl/policy", found, body)

    def delete_policy(self, name: str) -> bool:
        """Delete a policy; whether there was one."""
        found = self.policy(name)
        return found is not None and self.endpoint.delete(f"/v1/acl/policy/{found['ID']}")

    def tokens(self) -> list[dict[str, Any]]:
        """Every token; secrets are shown only to a reader with ``acl:write``. Rights: ``acl:read``."""
        return list(self.endpoint.get("/v1/acl/tokens") or [])

    def token(self, accessor_id: str) -> dict[str, Any] | None:
        """A token by accessor, or ``None``. Rights: ``acl:read``."""
        try:
            return dict(self.endpoint.get(f"/v1/acl/token/{accessor_id}"))
        except ServiceRefused as refused:  # 403 "token does not exist: ACL not found", not 404 (1.21)
            if "not found" in refused.detail.lower():
                return None
            raise

    def ensure_token(
        self,
        secret_id: str,
        description: str,
        *,
        policies: Sequence[str] = (),
        node_identity: tuple[str, str] | None = None,
        templated: Sequence[str] = (),
        accessor_id: str = "",
        ttl: str = "",
    ) -> bool:
        """Make the token with this chosen secret (a UUID) hold just these rights; whether that changed anything.

        :param node_identity: (node, datacenter): what that node's agent needs.
        :param templated: ``builtin/dns``, ``builtin/node``, …
        :param accessor_id: a UUID, where it is chosen too.
        :param ttl: after which a new token ends by itself, at least ``60s``; never if empty.
        """
        body: dict[str, Any] = {"SecretID": secret_id, "Description": description}
        body["Policies"] = [{"Name": name} for name in policies]
        if node_identity:
            body["NodeIdentities"] = [{"NodeName": node_identity[0], "Datacenter": node_identity[1]}]
        body["TemplatedPolicies"] = [{"TemplateName": name} for name in templated]
        found = self._token_of(secret_id)
        if found is None:
            chosen = {"AccessorID": accessor_id, "ExpirationTTL": ttl}
            self.endpoint.put("/v1/acl/token", body | {key: value for key, value in chosen.items() if value})
            return True
        if _comparable(found) == _comparable(body):
            return False
        self.endpoint.put(f"/v1/acl/token/{found['AccessorID']}", body)
        return True

    def delete_token(self, accessor_id: str) -> bool:
        """Delete a token; whether there was one."""
        if self.token(accessor_id) is None:
            return False
        return self.endpoint.delete(f"/v1/acl/token/{accessor_id}")

    def role(self, name: str) -> dict[str, Any] | None:
        """A role by name."""
        found: dict[str, Any] | None = self.endpoint.find(f"/v1/acl/role/name/{name}")
        return found

    def ensure_role(self, role: Mapping[str, Any]) -> bool:
        """Make the role (``{Name, Description, Policies: [{Name}]}``) be just this; whether that changed anything."""
        return self._upsert("/v1/acl/role", self.role(role["Name"]), role)

    def auth_method(self, name: str) -> dict[str, Any] | None:
        """An auth method by name."""
        found: dict[str, Any] | None = self.endpoint.find(f"/v1/acl/auth-method/{name}")
        return found

    def ensure_auth_method(self, method: Mapping[str, Any]) -> bool:
        """Make the auth method hold what is given; whether that changed anything.

        :param method: ``{Name, Type, Description, Config: {JWKSURL, JWKSCACert, BoundAudiences, ClaimMappings, …}}``.
        """
        found = self.auth_method(method["Name"])
        if found is not None and _holds(found, method):
            return False
        self.endpoint.put("/v1/acl/auth-method" + ("" if found is None else f"/{method['Name']}"), dict(method))
        return True

    def binding_rules(self, method: str) -> list[dict[str, Any]]:
        """The binding rules of an auth method."""
        return list(self.endpoint.get("/v1/acl/binding-rules", {"authmethod": method}) or [])

    def ensure_binding_rule(self, rule: Mapping[str, Any]) -> bool:
        """Make the auth method have this rule; whether that changed anything. Type and selector tell rules apart.

        :param rule: ``{AuthMethod, BindType, BindName, Selector, Description}``.
        """
        same = ("BindType", "Selector")
        found = next(
            (one for one in self.binding_rules(rule["AuthMethod"]) if all(one[name] == rule[name] for name in same)),
            None,
        )
        return self._upsert("/v1/acl/binding-rule", found, rule)

    def login(self, method: str, bearer: str) -> dict[str, Any]:
        """Exchange a JWT for a token. Anonymous."""
        return dict(self.endpoint.post("/v1/acl/login", {"AuthMethod": method, "BearerToken": bearer}))

    def logout(self) -> None:
        """End the token that this client presents, where it came from a login."""
        self.endpoint.post("/v1/acl/logout")

    def _token_of(self, secret_id: str) -> dict[str, Any] | None:
        """The token with this secret: any token may read itself."""
        try:
            return dict(self.endpoint.request("GET", "/v1/acl/token/self", token=secret_id).json())
        except ServiceRefused as refused:
            if refused.status == 403 and "not found" in refused.detail.lower():
                return None
            raise

    def _upsert(self, path: str, found: Mapping[str, Any] | None, body: Mapping[str, Any]) -> bool:
        if found is None:
            self.endpoint.put(path, dict(body))
            return True
        if _comparable(found) == _comparable(body):
            return False
        self.endpoint.put(f"{path}/{found['ID']}", {**body, "ID": found["ID"]})
        return True


_COMPARED = (
    "Name",
    "Description",
    "Rules",
    "SecretID",
    "Policies",
    "Roles",
    "NodeIdentities",
    "ServiceIdentities",
    "TemplatedPolicies",
    "AuthMethod",
    "Selector",
    "BindType",
    "BindName",
)
_REFERENCES = ("Name", "NodeName", "Datacenter", "ServiceName", "TemplateName")


def _comparable(thing: Mapping[str, Any]) -> dict[str, Any]:
    """What of an ACL object is ours to decide, without ids, hashes, indexes and order."""
    made: dict[str, Any] = {}
    for name in _COMPARED:
        value = thing.get(name) or None
        if isinstance(value, list):
            value = sorted(tuple(str(row.get(key, "")) for key in _REFERENCES) for row in value)
        if value is not None:
            made[name] = value.strip() if isinstance(value, str) else value
    return made


def _holds(found: Any, wanted: Any) -> bool:
    """Whether ``found`` says all that ``wanted`` says; what Consul adds by itself does not count."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(_holds(found.get(key), value) for key, value in wanted.items())
    if not wanted and not found:
        return True
    return bool(found == wanted)
