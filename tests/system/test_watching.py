"""What dies is started again, and not for ever without a pause."""

from dataclasses import dataclass
from itertools import pairwise

from deploy.local.watching import MAX_PAUSE, STEADY, Watch


@dataclass
class Dying:
    """A process that dies as soon as it is started."""

    name: str = "billing"
    alive: bool = True
    starts: int = 0

    def is_running(self):
        return self.alive

    def start(self):
        self.starts += 1

    def exit_code(self):
        return 1

    def last_lines(self, count):
        return "rejesha: billing cannot listen"


def test_who_does_not_stay_up_is_started_again_ever_more_seldom_and_its_last_words_are_told(capsys):
    now = 1000.0
    process = Dying()
    watch = Watch([process], lambda: now)
    watch.look()
    process.alive = False
    starts = []
    for _ in range(4000):
        now += 0.1
        watch.look()
        if process.starts > len(starts):
            starts.append(now)
    pauses = [round(later - earlier) for earlier, later in pairwise(starts)]
    assert pauses[:6] == [1, 2, 4, 8, 16, 32]
    assert set(pauses[6:]) == {MAX_PAUSE}
    assert "billing ended with 1; starting it again in 4 s" in (told := capsys.readouterr().err)
    assert "its last words: rejesha: billing cannot listen" in told

    process.alive = True
    now += STEADY
    watch.look()
    process.alive = False
    began = process.starts
    watch.look()
    assert process.starts == began + 1
