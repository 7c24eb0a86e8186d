"""What NetworkPolicies allow, by the rules of the API: a connection needs the leave of both ends."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any


@dataclass(frozen=True)
class Peer:
    """An end of a connection: a pod, or an address outside the cluster. Only a `namespace` of ours has policies."""

    name: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    address: str = ""


def allows(policies: Iterable[Mapping[str, Any]], caller: Peer, called: Peer, port: int, protocol: str = "TCP") -> bool:
    """Whether `caller` may open a connection to `called`."""
    known = list(policies)
    return _lets(known, caller, "egress", "to", called, port, protocol) and _lets(
        known, called, "ingress", "from", caller, port, protocol
    )


def _lets(policies: list[Any], owner: Peer, direction: str, side: str, other: Peer, port: int, protocol: str) -> bool:
    mine = [
        one["spec"]
        for one in policies
        if one["metadata"]["namespace"] == owner.namespace
        and selects(one["spec"]["podSelector"], owner.labels)
        and direction.capitalize() in one["spec"]["policyTypes"]
    ]
    rules = [rule for spec in mine for rule in spec.get(direction, [])]
    return not mine or any(_fits(rule, side, owner, other, port, protocol) for rule in rules)


def _fits(rule: Any, side: str, owner: Peer, other: Peer, port: int, protocol: str) -> bool:
    ports = rule.get("ports")
    fits_port = ports is None or any((one["port"], one.get("protocol", "TCP")) == (port, protocol) for one in ports)
    peers = rule.get(side)
    return fits_port and (peers is None or any(_is(peer, owner, other) for peer in peers))


def _is(peer: Any, owner: Peer, other: Peer) -> bool:
    if block := peer.get("ipBlock"):
        return (
            bool(other.address)
            and _in(other.address, block["cidr"])
            and not any(_in(other.address, without) for without in block.get("except", []))
        )
    if not other.namespace:
        return False
    if "namespaceSelector" in peer:
        there = selects(peer["namespaceSelector"], {"kubernetes.io/metadata.name": other.namespace})
    else:
        there = other.namespace == owner.namespace
    return there and selects(peer.get("podSelector", {}), other.labels)


def _in(address: str, network: str) -> bool:
    return ip_address(address) in ip_network(network)


def selects(selector: Any, labels: Mapping[str, str]) -> bool:
    """A label selector: of its operators, the one that our manifests have."""
    expressions = selector.get("matchExpressions", [])
    assert {one["operator"] for one in expressions} <= {"In"}
    return all(labels.get(name) == value for name, value in selector.get("matchLabels", {}).items()) and all(
        labels.get(one["key"]) in one["values"] for one in expressions
    )
