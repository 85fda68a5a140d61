"""The tools of the help centre for AI assistants (Model Context Protocol, modelcontextprotocol.io).

Each tool is one or two requests to the portal's API. None of them files a ticket or changes
anything that people see: ``propose_ticket`` answers with a link for the person.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Awaitable
from typing import Annotated, Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ToolAnnotations
from pydantic import Field

from webapp.assistants.portal_client import FORM, PortalClient, PortalError

INSTRUCTIONS = """\
This is the help centre of a product. Answer from its articles and name their addresses.

1. `suggest` with the person's problem in one sentence; then `article` for the best one.
2. `known_problems` if something may be broken for everybody.
3. If nothing helps, `ticket_form`, then `propose_ticket`. It files nothing: give the person the
   link, and say that the ticket is filed only when they open it and send the form themselves.
"""

_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_MOST = 10  # hits of one answer


class HelpCentreTools:
    """The tools over one portal. ``key`` is for whoever started the server; over HTTP each request
    brings its own, or sees what the public sees.
    """

    def __init__(self, client: PortalClient, key: str = "") -> None:
        self._client = client
        self._key = key
        self._visit = secrets.token_urlsafe(12)

    def register(self, server: MCPServer[Any]) -> None:
        for tool in (
            self.suggest,
            self.search,
            self.article,
            self.known_problems,
            self.ticket_form,
            self.promise,
            self.propose_ticket,
        ):
            server.add_tool(tool, annotations=_READS, structured_output=True)

    async def suggest(
        self,
        problem: Annotated[str, Field(description="The problem in one sentence.", max_length=2000)],
        context: Context,
    ) -> dict[str, Any]:
        """Find the articles that are likely to answer a problem. Empty if none is likely to."""
        answer = await self._get(context, "suggest", q=problem, settled="1")
        hits = answer["suggestions"]
        await self._tell(context, "query", q=problem[:300], found=len(hits))
        if hits:
            await self._tell(context, "shown", ids=[hit["id"] for hit in hits])
        return {
            "suggestions": [self._hit(hit) for hit in hits],
            "answer": (answer.get("answer") or {}).get("text", ""),
            "known_problems": [self._problem(each) for each in answer["problems"]],
        }

    async def search(
        self,
        query: Annotated[str, Field(description="Words to search for.", max_length=2000)],
        context: Context,
        kind: Annotated[str, Field(description="doc, faq or forum; empty for all.")] = "",
        page: Annotated[int, Field(ge=1, le=100)] = 1,
    ) -> dict[str, Any]:
        """Search all articles, FAQ entries and forum threads, ten on each page."""
        answer = await self._get(context, "search", q=query, kind=kind, page=page)
        hits = answer["results"][:_MOST]
        await self._tell(context, "query", q=query[:300], found=answer["total"])
        if hits:
            await self._tell(context, "shown", ids=[hit["id"] for hit in hits])
        return {
            "total": answer["total"],
            "results": [self._hit(hit) for hit in hits],
            "did_you_mean": answer.get("did_you_mean") or "",
        }

    async def article(
        self,
        id: Annotated[str, Field(description="The ID, such as doc/install, from another tool.")],  # noqa: A002 - what the tools call it
        context: Context,
    ) -> str:
        """Read one article as Markdown."""
        try:
            text = await self._client.markdown(id, self._key_of(context))
        except PortalError as error:
            raise ToolError(str(error)) from error
        await self._tell(context, "open", id=id[:300])
        return text

    async def known_problems(self, context: Context) -> dict[str, Any]:
        """List current known problems, with workarounds."""
        answer = await self._get(context, "problems")
        return {"problems": [self._problem(each) for each in answer["problems"]]}

    async def ticket_form(self, context: Context) -> dict[str, Any]:
        """Show which types, severities, topics, products and fields a ticket can have."""
        answer = await self._get(context, "site")
        names = ("types", "severities", "topics", "products", "fields", "scope")
        return {name: answer[name] for name in names if name in answer}

    async def promise(
        self,
        context: Context,
        severity: Annotated[str, Field(description="A severity from ticket_form.")],
        type: Annotated[str, Field(description="A type from ticket_form.")] = "question",  # noqa: A002 - a field of the form
        product: str = "",
        version: str = "",
        topic: str = "",
        zone: Annotated[str, Field(description="Such as Europe/Berlin.")] = "",
    ) -> dict[str, Any]:
        """Say by when a ticket would get its first response, before it is filed."""
        answer = await self._get(
            context,
            "promise",
            type=type,
            severity=severity,
            product=product,
            version=version,
            topic=topic,
            zone=zone,
        )
        names = ("level", "due", "due_text", "text", "support_text", "why")
        return {name: answer[name] for name in names if name in answer}

    async def propose_ticket(
        self,
        title: Annotated[str, Field(description="The problem in one sentence.", max_length=200)],
        description: Annotated[
            str,
            Field(description="What happens, since when, what was tried.", max_length=6000),
        ],
        type: Annotated[str, Field(description="A type from ticket_form.")],  # noqa: A002 - a field of the form
        severity: Annotated[str, Field(description="A severity from ticket_form.")],
        context: Context,
        product: str = "",
        module: str = "",
        version: str = "",
        topic: str = "",
        severity_detail: str = "",
        name: Annotated[str, Field(description="The person's name, if they told you.")] = "",
        email: Annotated[str, Field(description="Their address, if they told you.")] = "",
    ) -> dict[str, Any]:
        """Prepare a ticket for the person. FILES NOTHING: the person has to open the link within
        an hour, check the form and send it. Say so, and show them the link.
        """
        answer = await self._post(
            context,
            "proposals",
            {
                "title": title,
                "description": description,
                "type": type,
                "severity": severity,
                "severity_detail": severity_detail,
                "product": product,
                "module": module,
                "version": version,
                "topic": topic,
                "name": name,
                "email": email,
                "episode": self._episode(context),
            },
        )
        return {
            "filed": False,
            "link": answer["url"],
            "expires": answer["expires"],
            "next_step": (
                "Nothing has been filed. Give the person this link; they file the ticket "
                "themselves by sending the form that it opens."
            ),
        }

    # --- the portal

    async def _get(self, context: Context, path: str, **values: str | int) -> dict[str, Any]:
        return await _refusable(self._client.get(path, self._key_of(context), **values))

    async def _post(self, context: Context, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return await _refusable(self._client.post(path, self._key_of(context), body))

    async def _tell(self, context: Context, kind: str, **payload: object) -> None:
        """Counts what the assistant did. A failure to count does not affect the assistant."""
        event = {
            "episode": self._episode(context),
            "kind": kind,
            "payload": payload,
            "form": FORM,
        }
        with contextlib.suppress(PortalError):
            await self._client.post("episodes", self._key_of(context), event)

    def _key_of(self, context: Context) -> str:
        """Over HTTP the caller's own, never that of the server."""
        if context.headers is None:
            return self._key
        scheme, _, key = context.headers.get("authorization", "").partition(" ")
        return key.strip() if scheme.lower() == "bearer" else ""

    def _episode(self, context: Context) -> str:
        """One visit for each session; over HTTP without a session, for each request."""
        if context.headers is None:
            return self._visit
        session = context.headers.get("mcp-session-id")
        if not session:
            return secrets.token_urlsafe(12)
        return hashlib.blake2b(
            session.encode(), digest_size=12, key=self._visit.encode()
        ).hexdigest()

    def _hit(self, hit: dict[str, Any]) -> dict[str, Any]:
        passage = hit.get("passage") or {}
        return {
            "id": hit["id"],
            "title": hit["title"],
            "kind": hit["kind"],
            "url": self._client.whole(hit["url"]),
            "excerpt": passage.get("text", ""),
        }

    def _problem(self, problem: dict[str, Any]) -> dict[str, Any]:
        names = ("title", "status", "symptoms", "workaround", "updated")
        return {
            **{name: problem[name] for name in names},
            "url": self._client.whole(problem["url"]),
        }


async def _refusable(answer: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    """What the portal refuses is an error that the assistant can read."""
    try:
        return await answer
    except PortalError as error:
        raise ToolError(str(error)) from error


def mcp_server(address: str, key: str = "") -> MCPServer[Any]:
    """The server over the portal at ``address``."""
    server: MCPServer[Any] = MCPServer("askfirst", instructions=INSTRUCTIONS, log_level="WARNING")
    HelpCentreTools(PortalClient(address), key).register(server)
    return server


def serve_stdio(address: str, key: str) -> None:
    """Speaks to the program that started it."""
    mcp_server(address, key).run("stdio")


def serve_http(address: str, host: str, port: int, hosts: list[str]) -> None:
    """Serves /mcp for requests to one of ``hosts``: web pages must not reach it by another name
    (DNS rebinding).
    """
    allowed = [*hosts, *(f"{name}:*" for name in hosts)]
    mcp_server(address).run(
        "streamable-http",
        host=host,
        port=port,
        transport_security=TransportSecuritySettings(allowed_hosts=allowed),
    )
