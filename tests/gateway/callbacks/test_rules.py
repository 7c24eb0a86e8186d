import pytest
from gateway.callbacks.rules import Sources, networks

PROXIES = networks(["10.0.0.0/8", "fd00::/8"])
SECRETS = ("old-secret-0123456789", "new-secret-0123456789")


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "sender"),
    [
        ("196.201.214.200", [], "196.201.214.200"),
        # Nobody is believed who is not one of our proxies.
        ("203.0.113.9", ["196.201.214.200"], "203.0.113.9"),
        ("10.0.0.1", ["196.201.214.200"], "196.201.214.200"),
        # The sender may write anything in front of what the proxy appends.
        ("10.0.0.1", ["196.201.214.200, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["196.201.214.200", "203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["196.201.214.200, 10.2.2.2, 10.1.1.1"], "196.201.214.200"),
        ("10.0.0.1", ["10.9.9.9"], "10.9.9.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["196.201.214.200:55123"], "196.201.214.200"),
        ("fd00::1", ["[2001:db8::7]:443"], "2001:db8::7"),
        ("fd00::1", ["2001:db8::7"], "2001:db8::7"),
        ("::ffff:10.0.0.1", ["::ffff:196.201.214.200"], "196.201.214.200"),
        # What cannot be read ends the walk: nothing left of it may be believed.
        ("10.0.0.1", ["196.201.214.200, unknown"], None),
        ("10.0.0.1", ["196.201.214.200,"], None),
        ("10.0.0.1", [" " * 200 + "196.201.214.200"], "196.201.214.200"),
        ("10.0.0.1", ["196.201.214.200, " + "1" * 200], None),
        ("10.0.0.1", ["1" * 30_000], None),
        ("fd00::1", ["fe80::1%" + "z" * 200], None),
        ("", [], None),
    ],
)
def test_the_sender_is_the_first_untrusted_hop_from_the_right(peer, forwarded_for, sender):
    found = Sources(trusted_proxies=PROXIES).sender(peer, forwarded_for)
    assert (found and str(found)) == sender


@pytest.mark.parametrize(
    ("secrets", "allowed", "sender", "secret", "admitted"),
    [
        ((), (), "203.0.113.9", "", True),
        ((), (), "", "", True),
        (SECRETS, (), "203.0.113.9", SECRETS[0], True),
        (SECRETS, (), "203.0.113.9", SECRETS[1], True),
        (SECRETS, (), "203.0.113.9", "", False),
        (SECRETS, (), "203.0.113.9", "old-secret-012345678", False),
        (SECRETS, (), "203.0.113.9", "s\u00e9cret", False),
        ((), ("196.201.214.0/24",), "196.201.214.200", "", True),
        ((), ("196.201.214.0/24",), "203.0.113.9", "", False),
        ((), ("196.201.214.0/24",), "", "", False),
        (SECRETS, ("196.201.214.0/24",), "196.201.214.200", SECRETS[0], True),
        (SECRETS, ("196.201.214.0/24",), "203.0.113.9", SECRETS[0], False),
        (SECRETS, ("196.201.214.0/24",), "196.201.214.200", "", False),
    ],
)
def test_a_callback_needs_each_lock_that_is_set(secrets, allowed, sender, secret, admitted):
    sources = Sources(secrets=secrets, allowed=networks(allowed))
    assert sources.admits(sources.sender(sender, []), secret) is admitted
