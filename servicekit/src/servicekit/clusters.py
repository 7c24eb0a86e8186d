"""Which servers spread one database over several that take writes, where no lock of ours holds for all. Pure.

What a server can be seen to do wrong, the self-test finds by trying. This is about what one connection cannot see.
"""

from collections.abc import Mapping

# What a server says of itself where others take writes beside it: Galera, and MySQL's groups with several primaries.
_SEVERAL_WRITERS = {"wsrep_on": "ON", "group_replication_single_primary_mode": "OFF"}
VARIABLES = tuple(_SEVERAL_WRITERS)


def fault(version: str, variables: Mapping[str, str]) -> str:
    """A sentence where the server is such a one, else "".

    `version`: as it names itself; `variables`: its global ones among VARIABLES, those that it has.
    """
    if "vitess" in version.lower():
        return "this is Vitess: a transaction may be spread over servers that do not commit it together"
    for name, value in _SEVERAL_WRITERS.items():
        if variables.get(name, "").upper() == value:
            return (
                f"other servers take writes beside this one ({name} is {value}), and a row's lock holds on one of them"
                " alone: use a server whose replicas only read, such as an InnoDB Cluster with a single primary"
            )
    return ""
