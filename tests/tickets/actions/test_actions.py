"""The table of verbs and the functions of verbs fit together."""

from __future__ import annotations

import inspect

import pytest

from kb.tickets.actions import COMMANDS
from kb.tickets.lifecycle import VERBS, Message, Verb

#: Filing and what touches two tickets: not one command on one ticket.
OTHERS = {Verb.OPEN, Verb.RECORD, Verb.MERGE, Verb.ABSORB, Verb.SPLIT, Verb.UNDO, Verb.SEPARATE}


def test_every_verb_on_one_ticket_has_its_function() -> None:
    assert set(COMMANDS) == set(Verb) - OTHERS


@pytest.mark.parametrize("verb", COMMANDS)
def test_the_fields_of_a_form_are_parameters_of_the_function(verb: Verb) -> None:
    form = VERBS[verb].form
    parameters = inspect.signature(COMMANDS[verb]).parameters
    fields = {field.name for field in form.fields} if form else set()
    assert fields <= set(parameters)
    if fields:
        required = {name for name, p in parameters.items() if p.default is inspect.Parameter.empty}
        assert required <= fields


@pytest.mark.parametrize("verb", COMMANDS)
def test_a_message_is_a_parameter_exactly_of_verbs_that_take_one(verb: Verb) -> None:
    body = inspect.signature(COMMANDS[verb]).parameters.get("body")
    if VERBS[verb].message is Message.NONE:
        assert body is None
    else:
        assert body is not None
        required = body.default is inspect.Parameter.empty
        assert required == (VERBS[verb].message is Message.REQUIRED)
