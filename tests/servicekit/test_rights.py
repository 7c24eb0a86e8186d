"""What SHOW GRANTS says, read as rights."""

import pytest
from servicekit.schema.rights import parse

WANTED = ["SELECT", "UPDATE", "CREATE"]


@pytest.mark.parametrize(
    ("lines", "missing"),
    [
        (["GRANT ALL PRIVILEGES ON *.* TO `u`@`%` WITH GRANT OPTION"], []),
        (["GRANT USAGE ON *.* TO `u`@`%`", "GRANT ALL PRIVILEGES ON `isp`.* TO `u`@`%`"], []),
        (["GRANT SELECT, UPDATE ON `isp`.* TO `u`@`%`"], ["CREATE"]),
        (["GRANT SELECT ON *.* TO `u`@`%`", "GRANT UPDATE, CREATE ON `i%`.* TO `u`@`%`"], []),
        (["GRANT SELECT, UPDATE, CREATE ON `is\\_`.* TO `u`@`%`"], WANTED),
        (["GRANT SELECT, UPDATE, CREATE ON `is_`.* TO `u`@`%`"], []),
        (["GRANT SELECT, UPDATE, CREATE ON `isp`.`wallets` TO `u`@`%`"], WANTED),
        (["GRANT SELECT, UPDATE (`a`, `b`), CREATE ON `isp`.* TO `u`@`%`"], ["UPDATE"]),
        (["GRANT SELECT, UPDATE, CREATE ON *.* TO `u`@`%`", "REVOKE CREATE ON `isp`.* FROM `u`@`%`"], ["CREATE"]),
        (["GRANT `role`@`%` TO `u`@`%`", "GRANT PROXY ON ``@`` TO `u`@`%`"], WANTED),
        (["GRANT SELECT, UPDATE, CREATE ON `other`.* TO `u`@`%` IDENTIFIED BY PASSWORD '*8'"], WANTED),
    ],
)
def test_rights_on_a_schema(lines, missing):
    assert parse(lines).missing("isp", "*", WANTED) == missing


def test_rights_on_one_table_are_of_that_table():
    rights = parse(["GRANT SELECT, UPDATE ON `isp`.`wallets` TO `u`@`%`"])
    assert rights.missing("isp", "wallets", ["SELECT", "UPDATE"]) == []
    assert rights.missing("isp", "others", ["UPDATE"]) == ["UPDATE"]
