"""Lets operators in: `Authorization: Bearer <REJESHA_API_TOKEN>`."""

from hmac import compare_digest
from typing import Annotated

import structlog
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gateway.callbacks.requests import refuse

log = structlog.get_logger()

_bearer = HTTPBearer(auto_error=False, description="REJESHA_API_TOKEN")


def require_token(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> None:
    """Ends the request with 401 unless it carries the token."""
    expected = request.app.state.intake.api_token
    if given is None or not compare_digest(given.credentials.encode(), expected.encode()):
        log.warning("operator_refused", peer=request.client.host if request.client else "")
        answer = refuse(401, "Unauthorized")
        answer.response.headers["WWW-Authenticate"] = "Bearer"
        raise answer
