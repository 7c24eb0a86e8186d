"""Routers from a CSV file."""


def test_routers_are_imported_once(installation, router_control, tmp_path):
    (tmp_path / "routers.csv").write_text(
        "router_name,local_ip,port,tls,login,password\n"
        "Tower 1,10.0.0.1,,,api,\n"
        "Hill,hill.example,8729,yes,api,s3cret\n"
        "Tower 1b,10.0.0,,,,\n"
        "Lake,10.0.0.3,99999,,,\n"
        "Sea,10.0.0.4,,,,s3cret\n"
    )
    dry = installation("router", "import", "routers.csv", "--dry-run", "--json").document
    assert (dry["created"], dry["unchanged"], dry["bad"], list(router_control.routers())) == (1, 1, 3, [1])
    installation("router", "import", "routers.csv")
    assert (list(router_control.routers()), router_control.password(2)) == ([1, 2], "s3cret")
    hill = router_control.get(2)
    assert (hill.name, hill.address, hill.port, hill.tls, hill.username) == ("Hill", "hill.example", 8729, True, "api")
    again = installation("router", "import", "routers.csv")
    assert "0 added, 2 there already, 3 bad" in again.out
    assert "s3cret" not in again.out + again.err


def test_a_router_that_is_there_with_another_address_says_how_to_change_it(installation, router_control, tmp_path):
    router_control.add("Hill", "10.0.0.2", port=8729)
    (tmp_path / "routers.csv").write_text("name,address,login\nHill,10.9.9.9,api\n")
    error = installation("router", "import", "routers.csv", "--json").document["lines"][0]["error"]
    assert error == "is there already with another address and port: `rejesha router update 2` changes it"
