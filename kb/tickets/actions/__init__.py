"""Actions: one function for each verb, which makes the command that ``Desk.act`` carries out.

A function takes what the person enters for the verb; its parameters are the fields of the verb's
form in ``kb.tickets.lifecycle``. What the verb changes, and when it refuses, is the function inside
it. Verbs that touch two tickets are in ``merge_split``, filing is in ``filing``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from kb.tickets.actions.agent_fields import agent_fields, record
from kb.tickets.actions.assignment import assign, revoke_links, set_copies
from kb.tickets.actions.closing import cancel, check_void, rate, reopen, solve, void
from kb.tickets.actions.conversation import answer_by_link, comment, escalate, note, reply
from kb.tickets.actions.large_files import add_file, ask_for_files
from kb.tickets.actions.level_severity import (
    agree,
    change_level,
    confirm,
    decline,
    propose_severity,
)
from kb.tickets.actions.planning import plan, ship
from kb.tickets.actions.waiting import no_reply_needed, pause, resume, set_to_pending
from kb.tickets.decision import Command
from kb.tickets.lifecycle import Verb

__all__ = [
    "COMMANDS",
    "add_file",
    "agent_fields",
    "agree",
    "answer_by_link",
    "ask_for_files",
    "assign",
    "cancel",
    "change_level",
    "check_void",
    "comment",
    "confirm",
    "decline",
    "escalate",
    "no_reply_needed",
    "note",
    "pause",
    "plan",
    "propose_severity",
    "rate",
    "record",
    "reopen",
    "reply",
    "resume",
    "revoke_links",
    "set_copies",
    "set_to_pending",
    "ship",
    "solve",
    "void",
]

#: Verb -> its function.
COMMANDS: Mapping[Verb, Callable[..., Command]] = MappingProxyType(
    {
        Verb.REPLY: reply,
        Verb.LINK: answer_by_link,
        Verb.COMMENT: comment,
        Verb.ASK_FOR_FILES: ask_for_files,
        Verb.UPLOAD: add_file,
        Verb.NOTE: note,
        Verb.ASSIGN: assign,
        Verb.COPY: set_copies,
        Verb.REVOKE_LINKS: revoke_links,
        Verb.SET_TO_PENDING: set_to_pending,
        Verb.PAUSE: pause,
        Verb.RESUME: resume,
        Verb.PLAN: plan,
        Verb.SHIP: ship,
        Verb.NO_REPLY_NEEDED: no_reply_needed,
        Verb.CHANGE_LEVEL: change_level,
        Verb.PROPOSE: propose_severity,
        Verb.AGREE: agree,
        Verb.DECLINE: decline,
        Verb.CONFIRM: confirm,
        Verb.ESCALATE: escalate,
        Verb.SOLVE: solve,
        Verb.CANCEL: cancel,
        Verb.REOPEN: reopen,
        Verb.RATE: rate,
        Verb.VOID: void,
    }
)
