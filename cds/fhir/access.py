"""The access token an EHR sends for its FHIR server: used for one request, shown nowhere.

CDS Hooks 2.0.1, "Passing the Access Token to the CDS Service"; RFC 6750 for what a bearer token looks like.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_BEARER = re.compile(r"[A-Za-z0-9\-._~+/]{1,16000}=*")


@dataclass(frozen=True, slots=True)
class Access:
    """How the EHR's server may be asked: with a token, without one, or not at all and why.

    `until` is the running-clock second at which the token expires.
    """

    header: str | None = field(default=None, repr=False)
    until: float = math.inf
    refused: str = ""


def granted(authorization: Mapping[str, Any] | None, arrived: float) -> Access:
    """What the member fhirAuthorization of a request that arrived at a running-clock second allows."""
    if authorization is None:
        return Access()
    token, kind, lasts = (authorization.get(name) for name in ("access_token", "token_type", "expires_in"))
    if type(token) is not str or not _BEARER.fullmatch(token):
        return Access(refused="the EHR sent no usable access token")
    if type(kind) is not str or kind.lower() != "bearer":
        return Access(refused="the EHR sent an access token that is not a bearer token")
    if lasts is None:
        return Access(f"Bearer {token}")
    if type(lasts) not in (int, float):
        return Access(refused="the EHR sent an access token without a readable expiry")
    if lasts <= 0:
        return Access(refused="the EHR sent an access token that has expired")
    return Access(f"Bearer {token}", arrived + lasts)
