"""Access, rate limits and upload rights of every route, as tables.

A route that is not in ``POLICY`` is refused, and a test over the URL map fails on it. Whose ticket
it is, ``kb.tickets.permissions`` decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from kb.programs.scopes import Scope


class Access(StrEnum):
    ANYONE = "anyone"
    HOLDER = "holder"  # signed in, or a guest with the ticket's link: kb.tickets decides
    SIGNED_IN = "signed in"
    SECOND_STEP = "password given"  # and nothing else: the second step is to come
    ENROLMENT = "own second factor"  # staff, also those who must set one up to go on
    STAFF = "staff"  # agents and administrators
    EDITOR = "editor"  # editors and administrators
    ADMIN = "administrator"


Row = TypeVar("Row")


def by_route(rows: Mapping[tuple[str, str], Row]) -> Mapping[tuple[str, str], Row]:
    """``rows`` by endpoint and method. HEAD does the work of GET, so it has the row of GET."""
    head = {(endpoint, "HEAD"): row for (endpoint, method), row in rows.items() if method == "GET"}
    return MappingProxyType({**rows, **head})


#: (endpoint, method) -> who has access. OPTIONS is answered for everybody.
POLICY: Mapping[tuple[str, str], Access] = by_route(
    {
        ("static", "GET"): Access.ANYONE,
        ("mail_hook.take", "POST"): Access.ANYONE,  # whoever signs the request
        ("health.healthz", "GET"): Access.ANYONE,
        ("health.readyz", "GET"): Access.ANYONE,
        ("help_centre.home", "GET"): Access.ANYONE,
        ("help_centre.search", "GET"): Access.ANYONE,
        ("help_centre.article", "GET"): Access.ANYONE,
        ("help_centre.listing", "GET"): Access.ANYONE,
        ("sections.show", "GET"): Access.ANYONE,
        ("sections.site_map", "GET"): Access.ANYONE,
        ("site.colours", "GET"): Access.ANYONE,
        ("site.logo", "GET"): Access.ANYONE,
        ("site.contact", "GET"): Access.ANYONE,
        ("site.sla", "GET"): Access.ANYONE,
        ("site.schedule", "GET"): Access.ANYONE,
        ("site.versions", "GET"): Access.ANYONE,
        ("api.site", "GET"): Access.ANYONE,
        ("help_centre.feedback", "POST"): Access.ANYONE,
        ("help_centre.opened", "POST"): Access.ANYONE,
        ("help_centre.media", "GET"): Access.ANYONE,
        ("tickets.new", "GET"): Access.ANYONE,
        ("tickets.review", "POST"): Access.ANYONE,
        ("tickets.edit", "POST"): Access.ANYONE,
        ("tickets.file", "POST"): Access.ANYONE,
        ("tickets.solved_before_filing", "GET"): Access.ANYONE,
        ("tickets.solved_before_filing", "POST"): Access.ANYONE,
        ("tickets.mine", "GET"): Access.SIGNED_IN,
        ("tickets.show", "GET"): Access.HOLDER,
        ("tickets.comment", "POST"): Access.HOLDER,
        ("tickets.act", "POST"): Access.HOLDER,
        ("tickets.revoke_links", "POST"): Access.HOLDER,
        ("tickets.live", "GET"): Access.HOLDER,
        ("tickets.attachment", "GET"): Access.HOLDER,
        ("tickets.picture", "GET"): Access.HOLDER,
        ("uploads.show", "GET"): Access.HOLDER,
        ("uploads.send", "POST"): Access.HOLDER,
        ("uploads.open_link", "POST"): Access.HOLDER,
        ("uploads.close_link", "POST"): Access.HOLDER,
        ("uploads.begin", "POST"): Access.HOLDER,
        ("uploads.state", "GET"): Access.HOLDER,
        ("uploads.append", "PATCH"): Access.HOLDER,
        ("uploads.append", "POST"): Access.HOLDER,
        ("uploads.cancel", "DELETE"): Access.HOLDER,
        ("privacy.show", "GET"): Access.ANYONE,
        ("copies.show", "GET"): Access.ANYONE,
        ("copies.choose", "POST"): Access.ANYONE,
        ("subscriptions.show", "GET"): Access.ANYONE,
        ("subscriptions.choose", "POST"): Access.ANYONE,
        ("following.form", "GET"): Access.ANYONE,
        ("following.follow", "POST"): Access.ANYONE,
        ("known_problems.overview", "GET"): Access.ANYONE,
        ("known_problems.show", "GET"): Access.ANYONE,
        ("known_problems.join", "POST"): Access.ANYONE,
        ("known_problems.feed", "GET"): Access.ANYONE,
        ("problem_desk.overview", "GET"): Access.STAFF,
        ("problem_desk.new", "GET"): Access.STAFF,
        ("problem_desk.publish", "POST"): Access.STAFF,
        ("problem_desk.show", "GET"): Access.STAFF,
        ("problem_desk.update", "POST"): Access.STAFF,
        ("problem_desk.texts", "GET"): Access.STAFF,
        ("problem_desk.correct", "POST"): Access.STAFF,
        ("problem_desk.link", "POST"): Access.STAFF,
        ("staff_news.show", "GET"): Access.STAFF,
        ("staff_news.mark_seen", "POST"): Access.STAFF,
        ("staff_news.choices", "GET"): Access.STAFF,
        ("staff_news.choose", "POST"): Access.STAFF,
        ("mail_confirm.show", "GET"): Access.ANYONE,
        ("mail_confirm.confirm", "POST"): Access.ANYONE,
        ("mail_links.solved", "GET"): Access.ANYONE,
        ("mail_links.solve", "POST"): Access.ANYONE,
        ("mail_links.show_stop", "GET"): Access.ANYONE,
        ("mail_links.stop", "POST"): Access.ANYONE,
        ("queue.show", "GET"): Access.STAFF,
        ("board.show", "GET"): Access.STAFF,
        ("insights.show", "GET"): Access.STAFF,
        ("insights.table", "GET"): Access.STAFF,
        ("insights.visit", "GET"): Access.STAFF,
        ("queue.save_view", "POST"): Access.STAFF,
        ("queue.delete_view", "POST"): Access.STAFF,
        ("releases.overview", "GET"): Access.STAFF,
        ("releases.plan", "POST"): Access.STAFF,
        ("releases.ship", "POST"): Access.STAFF,
        ("ticket_page.show", "GET"): Access.STAFF,
        ("ticket_page.live", "GET"): Access.STAFF,
        ("ticket_actions.act", "POST"): Access.STAFF,
        ("ticket_actions.reply", "POST"): Access.STAFF,
        ("ticket_actions.show_secret", "POST"): Access.STAFF,
        ("ticket_actions.note", "POST"): Access.STAFF,
        ("ticket_actions.save_draft", "POST"): Access.STAFF,
        ("ticket_actions.confirm", "GET"): Access.STAFF,
        ("audit.show", "GET"): Access.ADMIN,
        ("quarantine.listing", "GET"): Access.STAFF,
        ("quarantine.show", "GET"): Access.STAFF,
        ("quarantine.original", "GET"): Access.STAFF,
        ("quarantine.file", "POST"): Access.STAFF,
        ("quarantine.dismiss", "POST"): Access.STAFF,
        ("personal_data.show", "GET"): Access.ADMIN,
        ("personal_data.look_up", "POST"): Access.ADMIN,
        ("personal_data.export", "POST"): Access.ADMIN,
        ("personal_data.erase", "POST"): Access.ADMIN,
        ("editor.overview", "GET"): Access.EDITOR,
        ("editor.rollback", "POST"): Access.EDITOR,
        ("flags.new", "GET"): Access.STAFF,
        ("flags.add", "POST"): Access.STAFF,
        ("review.show", "GET"): Access.EDITOR,
        ("review.close", "POST"): Access.EDITOR,
        ("gaps.show", "GET"): Access.EDITOR,
        ("article_page.show", "GET"): Access.EDITOR,
        ("gaps.draft", "POST"): Access.EDITOR,
        ("gaps.propose", "POST"): Access.EDITOR,
        ("gaps.proposal", "GET"): Access.EDITOR,
        ("gaps.accept_proposal", "POST"): Access.EDITOR,
        ("ticket_drafts.show", "GET"): Access.STAFF,
        ("ticket_drafts.save", "POST"): Access.STAFF,
        ("experiments.show", "GET"): Access.EDITOR,
        ("experiments.start", "POST"): Access.EDITOR,
        ("experiments.end", "POST"): Access.EDITOR,
        ("publishing.order", "POST"): Access.EDITOR,
        ("publishing.cancel", "POST"): Access.EDITOR,
        ("publishing.progress", "GET"): Access.EDITOR,
        ("publishing.preview", "GET"): Access.EDITOR,
        ("account.sign_in", "GET"): Access.ANYONE,
        ("account.check_sign_in", "POST"): Access.ANYONE,
        ("oidc.out", "GET"): Access.ANYONE,
        ("oidc.back", "GET"): Access.ANYONE,
        ("account.sign_out", "POST"): Access.ANYONE,
        ("second_step.ask", "GET"): Access.SECOND_STEP,
        ("second_step.check", "POST"): Access.SECOND_STEP,
        ("second_factor.overview", "GET"): Access.ENROLMENT,
        ("second_factor.new_app", "GET"): Access.ENROLMENT,
        ("second_factor.add_app", "POST"): Access.ENROLMENT,
        ("second_factor.add_passkey", "POST"): Access.ENROLMENT,
        ("second_factor.codes", "GET"): Access.ENROLMENT,
        ("second_factor.forget_codes", "POST"): Access.ENROLMENT,
        ("second_factor.remove_app", "POST"): Access.ENROLMENT,
        ("second_factor.remove_passkey", "POST"): Access.ENROLMENT,
        ("second_factor.renew_codes", "POST"): Access.ENROLMENT,
        ("people.overview", "GET"): Access.ADMIN,
        ("people.show", "GET"): Access.ADMIN,
        ("people.change", "POST"): Access.ADMIN,
        ("people.merge", "POST"): Access.ADMIN,
        ("people.organisation", "GET"): Access.ADMIN,
        ("people.add_organisation", "POST"): Access.ADMIN,
        ("people.set_organisation", "POST"): Access.ADMIN,
        ("people.set_licence", "POST"): Access.ADMIN,
        ("webhooks.overview", "GET"): Access.ADMIN,
        ("webhooks.add", "POST"): Access.ADMIN,
        ("webhooks.show", "GET"): Access.ADMIN,
        ("webhooks.change", "POST"): Access.ADMIN,
        ("webhooks.remove", "POST"): Access.ADMIN,
        ("api_keys.overview", "GET"): Access.ADMIN,
        ("api_keys.add", "POST"): Access.ADMIN,
        ("api_keys.revoke", "POST"): Access.ADMIN,
        ("staff.overview", "GET"): Access.ADMIN,
        ("staff.reset_factor", "POST"): Access.ADMIN,
        ("account.overview", "GET"): Access.SIGNED_IN,
        ("account.set_profile", "POST"): Access.SIGNED_IN,
        ("account.change_address", "POST"): Access.SIGNED_IN,
        ("account.licences", "GET"): Access.SIGNED_IN,
        ("account.set_zone", "POST"): Access.SIGNED_IN,
        ("account.set_password", "POST"): Access.SIGNED_IN,
        ("account.end_session", "POST"): Access.SIGNED_IN,
        ("contacts.overview", "GET"): Access.SIGNED_IN,
        ("contacts.invite", "POST"): Access.SIGNED_IN,
        ("contacts.withdraw", "POST"): Access.SIGNED_IN,
        ("contacts.change", "POST"): Access.SIGNED_IN,
        ("contacts.switch", "POST"): Access.SIGNED_IN,
        ("account.ask", "GET"): Access.ANYONE,
        ("account.send_link", "POST"): Access.ANYONE,
        ("account.link", "GET"): Access.ANYONE,
        ("account.use_link", "POST"): Access.ANYONE,
        ("api.suggest", "GET"): Access.ANYONE,
        ("api.suggest_for_text", "POST"): Access.ANYONE,
        ("api.search", "GET"): Access.ANYONE,
        ("api.problems", "GET"): Access.ANYONE,
        ("ticket_api.own_tickets", "GET"): Access.ANYONE,
        ("api.promise", "GET"): Access.ANYONE,
        ("ticket_api.file", "POST"): Access.ANYONE,
        ("proposal_api.propose", "POST"): Access.ANYONE,
        ("proposals.show", "GET"): Access.ANYONE,
        ("api.episode", "POST"): Access.ANYONE,
        ("api.feedback", "POST"): Access.ANYONE,
        ("ticket_api.mine", "GET"): Access.SIGNED_IN,
        ("ticket_api.show", "GET"): Access.SIGNED_IN,
        ("ticket_api.attachment", "GET"): Access.SIGNED_IN,
        ("ticket_api.act", "POST"): Access.SIGNED_IN,
        ("ticket_api.queue", "GET"): Access.STAFF,
        ("ticket_api.agents", "GET"): Access.STAFF,
        ("changes.since", "GET"): Access.SIGNED_IN,
        ("organisations.listing", "GET"): Access.ADMIN,
        ("organisations.show", "GET"): Access.ADMIN,
        ("generations.listing", "GET"): Access.EDITOR,
        ("generations.runs", "GET"): Access.EDITOR,
        ("generations.run", "GET"): Access.EDITOR,
        ("generations.order", "POST"): Access.EDITOR,
        ("articles.listing", "GET"): Access.ANYONE,
        ("articles.show", "GET"): Access.ANYONE,
        ("articles.section", "GET"): Access.ANYONE,
        ("well_known.openapi", "GET"): Access.ANYONE,
        ("reference.show", "GET"): Access.ANYONE,
        ("well_known.embed", "GET"): Access.ANYONE,
        ("well_known.embed_companion", "GET"): Access.ANYONE,
        ("well_known.embed_pack_reader", "GET"): Access.ANYONE,
        ("well_known.embed_pack", "GET"): Access.ANYONE,
        ("discovery.robots", "GET"): Access.ANYONE,
        ("discovery.sitemap", "GET"): Access.ANYONE,
        ("discovery.sitemap_part", "GET"): Access.ANYONE,
        ("discovery.llms", "GET"): Access.ANYONE,
        ("discovery.opensearch", "GET"): Access.ANYONE,
        ("discovery.security_txt", "GET"): Access.ANYONE,
        ("discovery.favicon", "GET"): Access.ANYONE,
        ("feeds.whole", "GET"): Access.ANYONE,
        ("feeds.of_kind", "GET"): Access.ANYONE,
        ("feeds.of_section", "GET"): Access.ANYONE,
    }
)

#: (endpoint, method) -> the limit that it counts against, see ``rate_limits.RateLimits``.
RATES: Mapping[tuple[str, str], str] = by_route(
    {
        ("api.suggest", "GET"): "suggest",
        ("api.suggest_for_text", "POST"): "suggest",
        ("api.search", "GET"): "suggest",
        ("changes.since", "GET"): "suggest",
        ("mail_hook.take", "POST"): "suggest",
        ("organisations.listing", "GET"): "suggest",
        ("organisations.show", "GET"): "suggest",
        ("generations.listing", "GET"): "suggest",
        ("generations.runs", "GET"): "suggest",
        ("generations.run", "GET"): "suggest",
        ("generations.order", "POST"): "vote",
        ("articles.listing", "GET"): "suggest",
        ("ticket_api.mine", "GET"): "suggest",
        ("ticket_api.show", "GET"): "suggest",
        ("ticket_api.attachment", "GET"): "suggest",
        ("ticket_api.queue", "GET"): "suggest",
        ("ticket_api.agents", "GET"): "suggest",
        ("articles.show", "GET"): "suggest",
        ("articles.section", "GET"): "suggest",
        ("help_centre.search", "GET"): "suggest",
        ("api.promise", "GET"): "suggest",
        ("api.site", "GET"): "suggest",
        ("api.episode", "POST"): "suggest",
        ("api.feedback", "POST"): "vote",
        ("help_centre.feedback", "POST"): "vote",
        ("help_centre.opened", "POST"): "suggest",
        ("gaps.draft", "POST"): "vote",
        ("gaps.propose", "POST"): "vote",
        ("ticket_drafts.save", "POST"): "desk",
        ("flags.add", "POST"): "desk",
        ("publishing.order", "POST"): "vote",
        ("ticket_api.file", "POST"): "ticket",
        ("proposal_api.propose", "POST"): "suggest",
        ("proposals.show", "GET"): "suggest",
        ("tickets.file", "POST"): "ticket",
        ("tickets.review", "POST"): "suggest",
        ("tickets.comment", "POST"): "ticket",
        ("tickets.act", "POST"): "ticket",
        ("tickets.revoke_links", "POST"): "ticket",
        ("ticket_api.own_tickets", "GET"): "suggest",
        ("uploads.send", "POST"): "ticket",
        ("uploads.open_link", "POST"): "ticket",
        ("uploads.begin", "POST"): "ticket",
        ("following.follow", "POST"): "vote",
        ("known_problems.join", "POST"): "vote",
        ("subscriptions.show", "GET"): "suggest",
        ("subscriptions.choose", "POST"): "suggest",
        ("problem_desk.publish", "POST"): "desk",
        ("problem_desk.update", "POST"): "desk",
        ("problem_desk.correct", "POST"): "desk",
        ("problem_desk.link", "POST"): "desk",
        ("copies.show", "GET"): "suggest",
        ("copies.choose", "POST"): "suggest",
        ("mail_confirm.show", "GET"): "suggest",
        ("mail_confirm.confirm", "POST"): "ticket",
        ("mail_links.solved", "GET"): "suggest",
        ("mail_links.solve", "POST"): "ticket",
        ("mail_links.show_stop", "GET"): "suggest",
        ("mail_links.stop", "POST"): "suggest",
        ("staff_news.choose", "POST"): "desk",
        ("ticket_actions.act", "POST"): "desk",
        ("quarantine.file", "POST"): "desk",
        ("quarantine.dismiss", "POST"): "desk",
        ("personal_data.look_up", "POST"): "desk",
        ("personal_data.export", "POST"): "desk",
        ("personal_data.erase", "POST"): "desk",
        ("ticket_actions.reply", "POST"): "desk",
        ("ticket_actions.show_secret", "POST"): "desk",
        ("ticket_actions.note", "POST"): "desk",
        ("account.check_sign_in", "POST"): "sign-in",
        ("oidc.out", "GET"): "sign-in",
        ("oidc.back", "GET"): "sign-in",
        ("account.set_password", "POST"): "sign-in",
        ("account.change_address", "POST"): "sign-in",
        ("second_step.check", "POST"): "sign-in",
        ("second_factor.add_app", "POST"): "sign-in",
        ("second_factor.add_passkey", "POST"): "sign-in",
        ("second_factor.remove_app", "POST"): "sign-in",
        ("second_factor.remove_passkey", "POST"): "sign-in",
        ("second_factor.renew_codes", "POST"): "sign-in",
        ("staff.reset_factor", "POST"): "desk",
        ("api_keys.add", "POST"): "desk",
        ("webhooks.add", "POST"): "desk",
        ("webhooks.change", "POST"): "desk",
        ("contacts.invite", "POST"): "ticket",
        ("account.send_link", "POST"): "sign-in",
        ("account.link", "GET"): "sign-in",
        ("account.use_link", "POST"): "sign-in",
    }
)

_CONTENT = (Scope.CONTENT_READ,)
#: (endpoint, method) -> the scopes of which an API key needs one. Other routes open to no key.
OPENED_BY: Mapping[tuple[str, str], tuple[Scope, ...]] = by_route(
    {
        ("api.suggest", "GET"): _CONTENT,
        ("api.suggest_for_text", "POST"): _CONTENT,
        ("api.search", "GET"): _CONTENT,
        ("api.problems", "GET"): _CONTENT,
        ("api.site", "GET"): _CONTENT,
        ("api.promise", "GET"): _CONTENT,
        ("articles.listing", "GET"): _CONTENT,
        ("articles.show", "GET"): _CONTENT,
        ("articles.section", "GET"): _CONTENT,
        ("api.episode", "POST"): (Scope.FEEDBACK_WRITE,),
        ("api.feedback", "POST"): (Scope.FEEDBACK_WRITE,),
        ("ticket_api.file", "POST"): (Scope.TICKETS_WRITE, Scope.TICKETS_FILE),
        ("proposal_api.propose", "POST"): _CONTENT,  # it files nothing
        ("ticket_api.own_tickets", "GET"): (Scope.TICKETS_READ,),
        ("ticket_api.mine", "GET"): (Scope.TICKETS_READ,),
        ("ticket_api.show", "GET"): (Scope.TICKETS_READ, Scope.DESK_READ),
        ("ticket_api.attachment", "GET"): (Scope.TICKETS_READ, Scope.DESK_READ),
        ("ticket_api.act", "POST"): (Scope.TICKETS_WRITE,),
        ("changes.since", "GET"): (Scope.TICKETS_READ, Scope.DESK_READ),
        ("organisations.listing", "GET"): (Scope.PEOPLE_READ,),
        ("organisations.show", "GET"): (Scope.PEOPLE_READ,),
        ("generations.listing", "GET"): (Scope.INDEX_READ,),
        ("generations.runs", "GET"): (Scope.INDEX_READ,),
        ("generations.run", "GET"): (Scope.INDEX_READ,),
        ("generations.order", "POST"): (Scope.INDEX_WRITE,),
        ("ticket_api.queue", "GET"): (Scope.DESK_READ,),
        ("ticket_api.agents", "GET"): (Scope.DESK_READ,),
    }
)

#: Endpoints that accept files; every other body is small.
UPLOADS = frozenset(
    {
        "tickets.review",
        "tickets.file",
        "tickets.comment",
        "ticket_actions.reply",
        "ticket_actions.note",
        "ticket_api.file",
        "ticket_api.act",
    }
)

#: Endpoints that accept large files, through the link of a ticket.
LARGE_UPLOADS = frozenset({"uploads.send", "uploads.append"})

#: Endpoints that accept a whole e-mail.
MAILS = frozenset({"mail_hook.take"})

#: Endpoints that pages of ``settings.embed_origins`` may read; never with cookies.
SHARED = frozenset({"api.suggest", "api.search", "api.episode", "articles.show"})

#: Endpoints whose response is the same for everybody, so that caches may store it.
CACHEABLE = frozenset(
    {
        "static",
        "help_centre.media",
        "site.colours",
        "site.logo",
        "well_known.embed",
        "well_known.embed_companion",
        "well_known.embed_pack_reader",
        "well_known.embed_pack",
        "well_known.openapi",
        "discovery.robots",
        "discovery.sitemap",
        "discovery.sitemap_part",
        "discovery.llms",
        "discovery.opensearch",
        "discovery.security_txt",
        "discovery.favicon",
        "feeds.whole",
        "feeds.of_kind",
        "feeds.of_section",
    }
)

#: How long caches keep what changes with the content only.
MINUTES = "public, max-age=60, stale-while-revalidate=240"
_ASK = "public, no-cache"  # kept, but asked for each time: they show what is broken just now

#: Pages that are the same for everybody who is not signed in -> how long caches may keep them.
PUBLIC_PAGES: Mapping[str, str] = MappingProxyType(
    {
        "help_centre.home": _ASK,
        "help_centre.article": MINUTES,
        "help_centre.listing": MINUTES,
        "sections.show": MINUTES,
        "sections.site_map": MINUTES,
        "site.contact": MINUTES,
        "site.sla": MINUTES,
        "site.schedule": _ASK,
        "site.versions": _ASK,
        "privacy.show": MINUTES,
        "reference.show": MINUTES,
        "known_problems.overview": _ASK,
        "known_problems.show": _ASK,
        "known_problems.feed": _ASK,
    }
)

#: What follows from the published generation alone, for everybody who is not signed in.
OF_GENERATION = frozenset(
    {
        "help_centre.article",
        "help_centre.listing",
        "sections.show",
        "sections.site_map",
        "discovery.sitemap",
        "discovery.sitemap_part",
        "discovery.llms",
        "feeds.whole",
        "feeds.of_kind",
        "feeds.of_section",
    }
)

#: Forms on these pages. A token would need a cookie of whoever sees the page, so that instead the
#: browser has to say that the form was sent by a page of this portal.
FORMS_WITHOUT_TOKEN = frozenset(
    {"help_centre.feedback", "help_centre.opened", "known_problems.join"}
)
