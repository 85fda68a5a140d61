"""A client of the portal's API, for the MCP server.

The server adds no rights of its own: what a key opens, limits and audiences are the portal's.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urljoin

import httpx2

#: Counted as an assistant by the portal, see ``webapp.customer.visits``.
FORM = "assistant"
_SECONDS = 30.0
_AGENT = "askfirst-mcp"


class PortalError(Exception):
    """The portal refused; the message is its sentence, for the assistant."""


class PortalClient:
    """Sends requests to one portal. ``key`` is an API key, "" for the public."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self._http = httpx2.AsyncClient(headers={"User-Agent": _AGENT}, timeout=_SECONDS)

    async def get(self, path: str, key: str, **values: str | int) -> dict[str, Any]:
        """The JSON at an address of the API."""
        sent = {name: value for name, value in values.items() if value != ""}
        response = await self._ask("GET", path, key, params=sent)
        answer: dict[str, Any] = response.json()
        return answer

    async def markdown(self, document_id: str, key: str) -> str:
        """An article."""
        path = f"articles/{quote(document_id)}"
        return (await self._ask("GET", path, key, headers={"Accept": "text/markdown"})).text

    async def post(self, path: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
        response = await self._ask("POST", path, key, json=body)
        answer: dict[str, Any] = response.json() if response.content else {}
        return answer

    def whole(self, path: str) -> str:
        """The whole address of a page that the API named."""
        return urljoin(self.address, path)

    async def _ask(
        self,
        method: str,
        path: str,
        key: str,
        *,
        headers: dict[str, str] | None = None,
        params: dict[str, str | int] | None = None,
        json: dict[str, Any] | None = None,
    ) -> httpx2.Response:
        """Raises PortalError."""
        sent = {**(headers or {}), **({"Authorization": f"Bearer {key}"} if key else {})}
        address = f"{self.address}/api/v1/{path}"
        try:
            response = await self._http.request(
                method, address, headers=sent, params=params, json=json
            )
        except httpx2.HTTPError as error:
            raise PortalError("The help centre does not respond. Try again in a minute.") from error
        if response.is_error:
            raise PortalError(_sentence(response))
        return response


def _sentence(response: httpx2.Response) -> str:
    """What a problem document (RFC 9457) says, with each field at fault."""
    try:
        problem = response.json()
        sentence = str(problem["detail"])
        faults = dict(problem.get("fields") or {})
    except (ValueError, KeyError, TypeError):
        return f"The help centre answered with status {response.status_code}."
    return "\n".join([sentence, *(f"{name}: {fault}" for name, fault in faults.items())])
