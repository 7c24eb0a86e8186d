"""The payments that the generator sends, as bytes ready for the wire."""

from benchmarks.load.plan import Load

_BODY = (
    '{{"TransactionType":"Pay Bill","TransID":"{prefix}%06d","TransTime":"20261123101500","TransAmount":"{amount}",'
    '"BusinessShortCode":"600100","BillRefNumber":"%04d{suffix}","InvoiceNumber":"","OrgAccountBalance":"49197.00",'
    '"ThirdPartyTransID":"","MSISDN":"2547 ***** 126","FirstName":"JANE"}}'
)
_HEAD = (
    "POST /callbackprocess HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    "Content-Length: {length}\r\n\r\n"
)
LARGEST = 999_999  # the number has six digits, so that every request has the same length


class Requests:
    """Makes request after request; each has its own TransID, and the accounts take turns."""

    def __init__(self, load: Load) -> None:
        body = _BODY.format(prefix=load.prefix, amount=load.amount, suffix=load.suffix)
        head = _HEAD.format(port=load.port, length=len(body % (0, 0)))
        self._template = (head + body).encode()
        self._accounts, self._first = load.accounts, load.first
        self.made = 0

    def next(self) -> bytes:
        account = self._first + self.made % self._accounts
        request = self._template % (self.made, account)
        self.made += 1
        return request


def trans_id(prefix: str, number: int) -> str:
    """The TransID of a load's payment, counted from 0."""
    return f"{prefix}{number:06d}"
