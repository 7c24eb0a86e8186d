"""Who may connect to whom: each call that the services' roles allow, what leads outside by name, and nothing else."""

import billing.roles
import notify.roles
import pytest
import router_control.roles
from servicekit.rpc.identity import Role

from tests.deploy.kubernetes.manifests import OVERLAYS, manifests, variables, workloads
from tests.deploy.kubernetes.policies import Peer, allows

NAMESPACE = "rejesha"
SERVICES = {
    "billing": (50051, billing.roles.TABLE),
    "router-control": (50052, router_control.roles.TABLE),
    "notify": (50053, notify.roles.TABLE),
}
# Beside us: the cluster's names, the proxy in front, another system of the provider's, who reads figures and who does
# not, and one that is nobody to us.
DNS = Peer("dns", "kube-system", {"k8s-app": "kube-dns"})
PROXY = Peer("proxy", "ingress-nginx", {"app.kubernetes.io/component": "controller"})
SYSTEM = Peer("crm", "crm", {"rejesha-role": "system"})
PROMETHEUS = Peer("prometheus", "monitoring", {"app.kubernetes.io/name": "prometheus"})
GRAFANA = Peer("grafana", "monitoring", {"app.kubernetes.io/name": "grafana"})
STRANGER = Peer("stranger", "default", {"app.kubernetes.io/name": "intake"})
# Addresses: of a router or provider anywhere, of a router in a private network, and of the provider's own MySQL.
PUBLIC, PRIVATE = Peer("public", address="197.248.1.1"), Peer("private", address="10.9.8.7")
MYSQL = Peer("mysql", address="203.0.113.10")
OUTSIDE = [DNS, PROXY, SYSTEM, PROMETHEUS, GRAFANA, STRANGER, PUBLIC, PRIVATE, MYSQL]


def pods(overlay):
    return [Peer(one.name, NAMESPACE, one.labels) for one in workloads(overlay)]


def ports(overlay):
    """Every port that anything listens on or a policy names, and some that nothing should."""
    listened = {port["containerPort"] for one in workloads(overlay) for port in one.main.get("ports", [])}
    rules = [
        rule
        for one in manifests(overlay, "NetworkPolicy")
        for way in ("ingress", "egress")
        for rule in one["spec"].get(way, [])
    ]
    return listened | {port["port"] for rule in rules for port in rule.get("ports", [])} | {22, 443, 10250}


def found(overlay):
    policies, ends, known = manifests(overlay, "NetworkPolicy"), [*pods(overlay), *OUTSIDE], ports(overlay)
    return {
        (caller.name, called.name, port)
        for caller in ends
        for called in ends
        for port in known
        if NAMESPACE in (caller.namespace, called.namespace) and allows(policies, caller, called, port)
    }


def of_roles(overlay):
    """The calls between processes of ours, as the services' tables allow them to the roles in certificates."""
    holders = {one.name: one.roles() for one in workloads(overlay)} | {SYSTEM.name: {Role.SYSTEM}}
    return {
        (holder, service, port)
        for service, (port, table) in SERVICES.items()
        for holder, roles in holders.items()
        if roles & set().union(*table.values())
    }


def by_name(overlay):
    """All else that has to be."""
    with_database = {
        one.name
        for one in workloads(overlay)
        for each in one.containers
        if "REJESHA_DATABASE_URL_FILE" in variables(each)
    }
    names = {(pod.name, "dns", 53) for pod in pods(overlay)}
    # The gateway's /health asks all three; the command shows what waits in the spool.
    ours = {("intake", "router-control", 50052)} | {
        (one.name, "intake", 8080) for one in workloads(overlay) if Role.OPERATOR in one.roles()
    }
    measured = {("prometheus", one.name, one.ports["metrics"]) for one in workloads(overlay) if "metrics" in one.ports}
    return names | ours | measured | {(name, "mysql", 3306) for name in with_database}


TRYING = {("router-control", "router", 8728), ("notify", "textsms", 8090)}
BUSINESS = {("proxy", "intake", 8080), ("notify", "public", 443), ("notify", "mysql", 443)} | {
    ("router-control", place, port) for place in ("public", "private", "mysql") for port in (8728, 8729)
}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_call_of_the_roles_and_what_leads_outside_by_name_and_no_other_is_allowed(overlay):
    assert found(overlay) == of_roles(overlay) | by_name(overlay) | (TRYING if overlay == "try" else BUSINESS)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_names_are_asked_over_udp_as_well(overlay):
    policies = manifests(overlay, "NetworkPolicy")
    assert all(allows(policies, pod, DNS, 53, "UDP") for pod in pods(overlay))
