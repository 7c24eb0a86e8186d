from servicekit.seldom import Seldom


def test_a_cause_is_logged_at_once_and_then_each_minute_with_how_often_it_came():
    now = [0.0]
    seldom = Seldom(lambda: now[0])
    assert [seldom.times("a"), seldom.times("a"), seldom.times("b"), seldom.times("a")] == [1, 0, 1, 0]
    now[0] = 60.0
    assert [seldom.times("a"), seldom.times("a"), seldom.times("b")] == [3, 0, 1]
