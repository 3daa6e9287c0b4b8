"""Nomad: servers, nodes, jobs, health. ACL has a file of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saltern.clients.http import Client, Quorum
from saltern.clients.nomad_acl import NomadAcl


class Nomad(Client, Quorum, NomadAcl):
    """Nomad's API on one agent."""

    SERVICE, PORT = "Nomad", 4646

    # The agent and the servers

    def agent_health(self) -> dict[str, Any]:
        """``{server: {ok, message}, client: {ok, message}}``, as far as the agent is one. Anyone may ask."""
        return dict(self.endpoint.request("GET", "/v1/agent/health", also=(500,)).json())

    def agent_self(self) -> dict[str, Any]:
        """The agent's own configuration and statistics. Rights: agent read."""
        return dict(self.endpoint.get("/v1/agent/self"))

    def members(self) -> list[dict[str, Any]]:
        """The servers' gossip members. Rights: node read."""
        return list(self.endpoint.get("/v1/agent/members")["Members"] or [])

    def force_leave(self, server: str) -> None:
        """Make the servers forget one (``<node>.<region>``) that failed or left. Rights: agent write."""
        self.endpoint.request("PUT", "/v1/agent/force-leave", params={"node": server, "prune": "true"})

    def jwks(self) -> dict[str, Any]:
        """The keys that sign workload identities. Anyone may ask: Consul and Vault do."""
        return dict(self.endpoint.get("/.well-known/jwks.json"))

    def scheduler_config(self) -> dict[str, Any]:
        """The scheduler's configuration. Rights: operator read."""
        return dict(self.endpoint.get("/v1/operator/scheduler/configuration")["SchedulerConfig"])

    def ensure_scheduler_config(self, wanted: Mapping[str, Any]) -> bool:
        """Make the scheduler's configuration say this; whether that changed anything. Rights: operator write.

        :param wanted: any of ``SchedulerAlgorithm``, ``MemoryOversubscriptionEnabled``, ``PreemptionConfig``, …
        """
        found = self.scheduler_config()
        merged = {
            key: {**found.get(key, {}), **value} if isinstance(value, Mapping) else value
            for key, value in wanted.items()
        }
        if all(found.get(key) == value for key, value in merged.items()):
            return False
        self.endpoint.put("/v1/operator/scheduler/configuration", {**found, **merged})
        return True

    def snapshot(self) -> bytes:
        """A snapshot of the whole state. Rights: a management token."""
        return self.endpoint.request("GET", "/v1/operator/snapshot").body

    # Clients

    def nodes(self) -> list[dict[str, Any]]:
        """The clients: ``[{ID, Name, Status, SchedulingEligibility, Drivers, …}, …]``. Rights: node read."""
        return list(self.endpoint.get("/v1/nodes") or [])

    def set_eligibility(self, node_id: str, *, eligible: bool) -> None:
        """Let the scheduler place work on a client, or not. Rights: node write."""
        body = {"NodeID": node_id, "Eligibility": "eligible" if eligible else "ineligible"}
        self.endpoint.post(f"/v1/node/{node_id}/eligibility", body)

    def purge_node(self, node_id: str) -> None:
        """Forget a client; what ran there is placed elsewhere. Rights: node write."""
        self.endpoint.post(f"/v1/node/{node_id}/purge")

    # Namespaces and node pools

    def namespaces(self) -> list[dict[str, Any]]:
        """The namespaces that the token may see."""
        return list(self.endpoint.get("/v1/namespaces") or [])

    def ensure_namespace(self, name: str, description: str = "") -> bool:
        """Make the namespace exist with this description; whether that changed anything. Rights: management."""
        found = self.endpoint.find(f"/v1/namespace/{name}")
        if found is not None and found.get("Description", "") == description:
            return False
        self.endpoint.post(f"/v1/namespace/{name}", {**(found or {}), "Name": name, "Description": description})
        return True

    def ensure_node_pool(self, name: str, description: str = "") -> bool:
        """Make the node pool exist with this description; whether that changed anything. Rights: node_pool write."""
        found = self.endpoint.find(f"/v1/node/pool/{name}")
        if found is not None and found.get("Description", "") == description:
            return False
        self.endpoint.post("/v1/node/pools", {**(found or {}), "Name": name, "Description": description})
        return True

    # Jobs. A job is Nomad's JSON job: {"ID": …, "Name": …, "Type": …, "TaskGroups": […]}

    def parse(self, hcl: str) -> dict[str, Any]:
        """The job that an HCL text describes. Rights: ``parse-job`` or ``submit-job`` in the namespace."""
        return dict(self.endpoint.post("/v1/jobs/parse", {"JobHCL": hcl, "Canonicalize": True}))

    def jobs(self) -> list[dict[str, Any]]:
        """The jobs of the default namespace that the token may see."""
        return list(self.endpoint.get("/v1/jobs") or [])

    def job(self, job_id: str, *, namespace: str = "default") -> dict[str, Any] | None:
        """A job as registered, or ``None``. ``Status``: pending, running, dead. Rights: ``read-job``."""
        found: dict[str, Any] | None = self.endpoint.find(f"/v1/job/{job_id}", {"namespace": namespace})
        return found

    def plan(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """What registering would change: ``{Diff: {Type: None|Added|Edited, …}, FailedTGAllocs, Warnings}``."""
        body = {"Job": dict(job), "Diff": True, "PolicyOverride": False}
        return dict(self.endpoint.post(f"/v1/job/{job['ID']}/plan", body))

    def register(self, job: Mapping[str, Any]) -> str:
        """Register the job; the evaluation's id. Rights: ``submit-job``."""
        return str(self.endpoint.put("/v1/jobs", {"Job": dict(job)})["EvalID"])

    def ensure_job(self, job: Mapping[str, Any]) -> bool:
        """Make the job run as described; whether that changed anything.

        A stopped (dead) service is purged first: Nomad would make no new allocation for an unchanged job.
        """
        found = self.job(str(job["ID"]), namespace=str(job.get("Namespace") or "default"))
        dead = found is not None and (found["Stop"] or found["Status"] == "dead")
        if found is not None and not dead and self.plan(job)["Diff"]["Type"] == "None":
            return False
        if dead:
            self.delete_job(str(job["ID"]), purge=True, namespace=str(job.get("Namespace") or "default"))
        self.register(job)
        return True

    def allocations(self, job_id: str, *, namespace: str = "default") -> list[dict[str, Any]]:
        """A job's placements, newest first: ``[{ID, NodeName, ClientStatus, TaskStates, …}]``. Rights: ``read-job``."""
        rows = self.endpoint.find(f"/v1/job/{job_id}/allocations", {"namespace": namespace}) or []
        return sorted((dict(row) for row in rows), key=lambda row: -int(row["CreateIndex"]))

    def deployment(self, job_id: str, *, namespace: str = "default") -> dict[str, Any] | None:
        """The newest deployment: ``{Status, TaskGroups: {name: {HealthyAllocs, …}}}``, or ``None``."""
        found: dict[str, Any] | None = self.endpoint.find(f"/v1/job/{job_id}/deployment", {"namespace": namespace})
        return found

    def delete_job(self, job_id: str, *, purge: bool = False, namespace: str = "default") -> bool:
        """Stop a job, with ``purge`` forget it too; whether there was one."""
        params = {"purge": "true" if purge else "false", "namespace": namespace}
        if self.job(job_id, namespace=namespace) is None:
            return False
        self.endpoint.request("DELETE", f"/v1/job/{job_id}", params=params)
        return True
