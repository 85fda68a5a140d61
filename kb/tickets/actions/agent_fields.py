"""Fields of the site that only agents see: programs send them, and agents set them on a ticket.

Their searchable values are the body of an internal event, which full-text search finds for agents
only.
"""

from __future__ import annotations

from collections.abc import Mapping

from kb.errors import Conflict, Invalid
from kb.sla.form_fields import SiteField, check_field
from kb.sla.policy import SlaPolicy
from kb.text import clean_text
from kb.tickets.changeset import Effects, TicketFacts
from kb.tickets.decision import Command, Context
from kb.tickets.lifecycle import Verb


def agent_fields(policy: SlaPolicy) -> Mapping[str, SiteField]:
    """The fields that agents can set. Secrets are not among them: only customers enter those."""
    return {key: own for key, own in policy.fields.items() if not own.on_form and not own.is_secret}


def searchable_words(fields: Mapping[str, str], policy: SlaPolicy) -> str:
    """The searchable fields that only agents see, one on each line, with their earlier names."""
    own = agent_fields(policy)
    return "\n".join(
        f"{' / '.join((own[key].title, *own[key].formerly))}: {value}"
        for key, value in fields.items()
        if key in own and own[key].searchable and value
    )


def record(values: Mapping[str, str], policy: SlaPolicy) -> Command:
    """Sets the fields that are given; an empty text removes one. Raises Invalid by field."""
    checked: dict[str, str] = {}
    errors: dict[str, str] = {}
    for key, own in agent_fields(policy).items():
        if key in values:
            checked[key], sentence = check_field(own, clean_text(values[key]))
            if sentence:
                errors[key] = sentence
    if errors:
        raise Invalid(" ".join(errors.values()), fields=errors)

    def effects(ticket: TicketFacts, context: Context) -> Effects:
        del context
        fields = {key: value for key, value in {**ticket.fields, **checked}.items() if value}
        if fields == ticket.fields:
            raise Conflict("The fields already have these values.")
        return Effects(values={"fields": fields})

    return Command(Verb.RECORD, effects, searchable_words(checked, policy))
