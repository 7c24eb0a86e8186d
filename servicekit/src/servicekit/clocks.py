"""When two clocks disagree so far that somebody must act. Pure."""

# Under this key each answer about health tells what time the service has, as ISO 8601.
METADATA_KEY = "rejesha-time"

# Less may be the time that asking takes.
MAX_SECONDS_APART = 2.0


def fault(seconds_ahead: float) -> str:
    """What is wrong with a clock that is so far ahead of this machine's, and what to do; empty where nothing is."""
    if abs(seconds_ahead) <= MAX_SECONDS_APART:
        return ""
    way = "ahead of" if seconds_ahead > 0 else "behind"
    return f"{abs(seconds_ahead):.0f} s {way} this machine's: let both be set by NTP"
