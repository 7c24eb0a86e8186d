"""Page sizes and page tokens: the same in every RPC, whatever the noun."""

from servicekit.rpc.errors import InvalidPageToken

DEFAULT_PAGE = 50
MAX_PAGE = 500


def page_size(asked: int) -> int:
    """How many rows to answer; 0 means the default."""
    return min(asked, MAX_PAGE) if asked > 0 else DEFAULT_PAGE


def last_id(page_token: str) -> int:
    """The id that the page before ended with; 0 for the first page. Raises InvalidPageToken."""
    if not page_token:
        return 0
    if not (page_token.isascii() and page_token.isdigit() and len(page_token) < 19):
        raise InvalidPageToken("this page token was never given out")
    return int(page_token)


def next_token(ids: list[int], limit: int) -> str:
    """The token for the page after these ids; empty when this page is not full."""
    return str(ids[-1]) if len(ids) == limit else ""
