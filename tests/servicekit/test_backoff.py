from hypothesis import given
from hypothesis import strategies as st
from servicekit.backoff import Backoff, pause

dice = st.floats(0, 1)
firsts = st.floats(0.01, 100)
failures = st.integers(1, 10_000)


@given(failures, firsts, firsts, dice)
def test_a_pause_is_between_half_and_all_of_the_doubled_time_and_within_the_bound(count, first, more, dice):
    longest = first + more
    bound = min(longest, first * 2 ** min(count - 1, 30))
    assert bound / 2 <= pause(count, first=first, longest=longest, dice=dice) <= bound <= longest
    assert bound / 2 <= pause(count, first=first, longest=longest) <= bound


@given(failures, firsts, dice)
def test_pauses_grow_and_are_spread(count, first, dice):
    def of(count, dice):
        return pause(count, first=first, longest=1000 * first, dice=dice)

    assert of(count, dice) <= of(count + 1, dice)
    assert of(count, 0) < of(count, 1)
    assert of(3, dice) == 2 * of(2, dice) == 4 * of(1, dice)


def test_after_a_success_it_begins_anew():
    backoff = Backoff(first=1, longest=60)
    assert 0.5 <= backoff.failed() <= 1
    later = [backoff.failed() for _ in range(20)]
    assert all(30 <= one <= 60 for one in later[6:])
    assert len(set(later)) > 10
    backoff.succeeded()
    assert 0.5 <= backoff.failed() <= 1
