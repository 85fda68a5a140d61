"""State machine of tickets: statuses, verbs, and one row for everything that a verb entails.

A row of ``VERBS`` says which status a verb leads to, who may use it, which event the SLA clock
receives, who is notified, what the e-mail and the timeline say, and which form offers it. Every
other module looks these facts up here; whatever else a verb does is in its function in
``kb.tickets.actions``. Pure: nothing here stores, sends or reads a clock.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Flag, StrEnum, auto
from types import MappingProxyType
from typing import NamedTuple

from kb.errors import Conflict
from kb.sla.clock import SlaEventKind


class Status(StrEnum):
    """The values are stored."""

    OPEN = "open"  # the next reply is ours
    PENDING = "waiting"  # a public reply was sent; the next one is the customer's
    ON_HOLD = "paused"  # for a third party or a release
    RESOLVED = "solved"
    CANCELLED = "cancelled"
    SPAM_OR_DUPLICATE = "void"  # spam or a duplicate: no SLA applied
    MERGED = "merged"  # continues in another ticket


class Verb(StrEnum):
    """What people do to a ticket; each leaves one event. The values are stored."""

    OPEN = "opened"
    RECORD = "recorded"
    REPLY = "replied"
    LINK = "linked"
    COMMENT = "commented"
    ASK_FOR_FILES = "asked-for-files"
    UPLOAD = "uploaded"
    NOTE = "noted"
    ASSIGN = "assigned"
    COPY = "copied"
    SET_TO_PENDING = "awaited"
    PAUSE = "paused"
    RESUME = "resumed"
    PLAN = "planned"
    SHIP = "shipped"
    NO_REPLY_NEEDED = "dismissed"
    CHANGE_LEVEL = "moved"
    PROPOSE = "proposed"
    AGREE = "agreed"
    DECLINE = "declined"
    CONFIRM = "confirmed"
    ESCALATE = "escalated"
    SOLVE = "solved"
    CANCEL = "cancelled"
    REOPEN = "reopened"
    RATE = "rated"
    MERGE = "merged"
    ABSORB = "absorbed"
    SPLIT = "split"
    VOID = "voided"
    UNDO = "undone"
    SEPARATE = "separated"
    REVOKE_LINKS = "revoked"


class Side(StrEnum):
    """How a person stands to a ticket. Nobody else may know that it exists."""

    STAFF = "staff"
    OWNER = "owner"
    COLLEAGUE = "colleague"  # of the owner, in an organisation that shares its tickets


class Audience(Flag):
    """Who is notified of an event, besides the rule that nobody is notified of their own."""

    NOBODY = 0
    CONCERNED = auto()  # requester and copies of what is public; watchers; the assignee
    COPIES = auto()  # the copies also when the requester did it
    SUPERVISORS = auto()  # staff hear that it asks for them


class Message(StrEnum):
    """Whether a verb comes with a message, which becomes the body of its event."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


class MailText(NamedTuple):
    """What a notification tells: in short, and in a sentence or two. Names in braces are facts."""

    subject: str
    text: str


class FieldKind(StrEnum):
    LINE = "line"
    TEXT = "text"
    DATE = "date"
    CHOICE = "choice"
    ADDRESSES = "addresses"
    ARTICLES = "articles"
    SCORE = "score"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True)
class FormField:
    """One input. ``name`` is also the parameter of the verb's function.

    ``choices`` are values with their titles, or the name of a list that the page knows, such as
    ``levels``.
    """

    name: str
    kind: FieldKind
    label: str = ""
    hint: str = ""
    required: bool = False
    choices: str | tuple[tuple[str, str], ...] = ()


class Layout(StrEnum):
    """How a page shows a form that has fields; one without is a button."""

    CARD = "card"  # open, beside the timeline
    LINE = "line"  # one choice and its button
    FOLDED = "folded"  # behind its title


@dataclass(frozen=True, slots=True)
class ActionForm:
    """How a page offers a verb: ``name`` is the last part of the address that it is sent to."""

    name: str
    title: str
    button: str = ""
    fields: tuple[FormField, ...] = ()
    layout: Layout = Layout.FOLDED
    icon: str = ""
    files: bool = False  # takes attachments
    confirm: bool = False  # a page says what it will do and asks once


@dataclass(frozen=True, slots=True)
class VerbRow:
    """Everything about one verb that is a fact and not a computation."""

    transitions: Mapping[Status, Status]  # a status that is missing refuses the verb
    sides: frozenset[Side]  # who may use it
    refusal: str  # completes "The ticket is on hold and cannot …"
    timeline: str  # what the actor did; names in braces are facts of the event
    clock: SlaEventKind | None = None  # what the SLA clock hears
    audience: Audience = Audience.CONCERNED
    mail: MailText | None = None
    message: Message = Message.NONE
    public: bool = True  # whether the customer sees the event
    form: ActionForm | None = None
    requester_form: ActionForm | None = None  # where the requester's differs from the agents'
    needs_proposal: bool = False  # offered while the requester has a severity to decide on

    def form_for(self, side: Side) -> ActionForm | None:
        """The form that the pages of a side offer."""
        if side not in self.sides:
            return None
        return self.form if side is Side.STAFF else self.requester_form or self.form

    @property
    def closes(self) -> bool:
        """Whether it ends an open ticket."""
        return self.transitions.get(Status.OPEN, Status.OPEN) not in ACTIVE


#: Neither resolved nor closed.
ACTIVE = (Status.OPEN, Status.PENDING, Status.ON_HOLD)

_STAFF = frozenset({Side.STAFF})
_OWNER = frozenset({Side.OWNER})
_OWNER_SIDE = frozenset({Side.OWNER, Side.COLLEAGUE})
_STAFF_AND_OWNER = frozenset({Side.STAFF, Side.OWNER})

_STAYS_ACTIVE = {status: status for status in ACTIVE}
_STAYS_ENDED = {Status.RESOLVED: Status.RESOLVED, Status.CANCELLED: Status.CANCELLED}
_ANSWERED = {**_STAYS_ACTIVE, Status.OPEN: Status.PENDING}
_ASKED = {**_STAYS_ACTIVE, Status.PENDING: Status.OPEN}


def _all_become(status: Status) -> Mapping[Status, Status]:
    return dict.fromkeys(ACTIVE, status)


def _message_field(label: str, hint: str = "", *, required: bool = True) -> FormField:
    return FormField("body", FieldKind.TEXT, label, hint, required=required)


_MESSAGE_TO_CUSTOMER = _message_field("Message to the customer")
_OPTIONAL_MESSAGE = _message_field("Message to the customer", "optional", required=False)
_REOPENS_ON = FormField("until", FieldKind.DATE, "Reopens on", "optional")
_COPY_TO = FormField(
    "copy_to", FieldKind.ADDRESSES, "E-mail addresses", "separated by commas; empty for nobody"
)
_SCORES = (("1", "Bad"), ("2", "Poor"), ("3", "Fair"), ("4", "Good"), ("5", "Very good"))

VERBS: Mapping[Verb, VerbRow] = MappingProxyType(
    {
        Verb.OPEN: VerbRow(
            {},
            frozenset(),
            refusal="be filed again",
            timeline="filed this ticket",
            clock=SlaEventKind.ACCEPTED,
        ),
        Verb.RECORD: VerbRow(
            {**_STAYS_ACTIVE, **_STAYS_ENDED},
            _STAFF,
            refusal="receive fields for agents",
            timeline="set fields that only agents see",
            audience=Audience.NOBODY,
            message=Message.OPTIONAL,  # its searchable values
            public=False,
        ),
        Verb.REPLY: VerbRow(
            _ANSWERED,
            _STAFF,
            refusal="be replied to",
            timeline="replied",
            clock=SlaEventKind.COMMENT,
            mail=MailText("New reply from support", "Support replied to your ticket."),
            message=Message.REQUIRED,
            form=ActionForm(
                "reply",
                "Reply to the customer",
                "Send reply",
                (_message_field("Reply", "visible to the customer; meets the response target"),),
                Layout.CARD,
                "forum",
                files=True,
            ),
        ),
        Verb.LINK: VerbRow(
            _ANSWERED,
            _STAFF,
            refusal="be replied to",
            timeline="replied with",
            clock=SlaEventKind.COMMENT,
            mail=MailText(
                "New reply from support", "Support replied to your ticket with links to articles."
            ),
            message=Message.OPTIONAL,
            form=ActionForm(
                "link",
                "Reply with an article",
                "Send articles",
                (FormField("documents", FieldKind.ARTICLES), _OPTIONAL_MESSAGE),
                Layout.CARD,
                "link",
            ),
        ),
        Verb.COMMENT: VerbRow(
            _ASKED,
            _OWNER_SIDE,
            refusal="receive comments",
            timeline="commented",
            clock=SlaEventKind.COMMENT,
            mail=MailText("New message from the requester", "The requester replied to the ticket."),
            message=Message.REQUIRED,
            form=ActionForm(
                "comment",
                "Add a comment",
                "Send comment",
                (_message_field("Comment"),),
                Layout.CARD,
                "forum",
                files=True,
            ),
        ),
        Verb.ASK_FOR_FILES: VerbRow(
            _ANSWERED,
            _STAFF,
            refusal="take files",
            timeline="asked for large files",
            clock=SlaEventKind.COMMENT,
            mail=MailText(
                "Support asks you for files",
                "Support asks you to upload files. The ticket page says which ones, and has the "
                "link.",
            ),
            message=Message.REQUIRED,
            form=ActionForm(
                "ask-for-files",
                "Ask for large files",
                "Send upload link",
                (_message_field("Which files, and why"),),
                icon="clip",
            ),
        ),
        Verb.UPLOAD: VerbRow(
            _ASKED,
            _OWNER_SIDE,
            refusal="take files",
            timeline="uploaded a file",
            clock=SlaEventKind.COMMENT,
            mail=MailText("New file from the requester", "The requester uploaded a file."),
        ),
        Verb.NOTE: VerbRow(
            {status: status for status in Status},
            _STAFF,
            refusal="take notes",
            timeline="added a note",
            mail=MailText("New internal note", "A colleague added an internal note to a ticket."),
            message=Message.REQUIRED,
            public=False,
            form=ActionForm(
                "note",
                "Internal note",
                "Save note",
                (
                    _message_field(
                        "Note",
                        "agents only; does not affect the SLA; @name notifies a colleague",
                    ),
                ),
                Layout.CARD,
                "lock",
                files=True,
            ),
        ),
        Verb.ASSIGN: VerbRow(
            _STAYS_ACTIVE,
            _STAFF,
            refusal="be assigned",
            timeline="assigned the ticket to {agent}",
            mail=MailText("Ticket assigned to you", "You are the new assignee of a ticket."),
            public=False,
        ),
        Verb.SET_TO_PENDING: VerbRow(
            _all_become(Status.PENDING),
            _STAFF,
            refusal="be set to pending",
            timeline="set the ticket to pending",
            clock=SlaEventKind.PAUSED,
            mail=MailText(
                "Waiting for your reply", "Support needs more information from you to continue."
            ),
            message=Message.OPTIONAL,
            form=ActionForm(
                "wait",
                "Set to pending",
                "Set to pending",
                (
                    FormField("reason", FieldKind.CHOICE, "Reason", choices="waiting_reasons"),
                    _REOPENS_ON,
                    _message_field(
                        "Message to the customer", "optional if you replied last", required=False
                    ),
                ),
            ),
        ),
        Verb.PAUSE: VerbRow(
            _all_become(Status.ON_HOLD),
            _STAFF,
            refusal="be put on hold",
            timeline="put the ticket on hold: {title}",
            clock=SlaEventKind.PAUSED,
            mail=MailText(
                "Ticket on hold", "The ticket is on hold. The ticket page shows the reason."
            ),
            message=Message.OPTIONAL,
            form=ActionForm(
                "pause",
                "Put on hold",
                "Put on hold",
                (
                    FormField("reason", FieldKind.CHOICE, "Reason", choices="pause_reasons"),
                    _REOPENS_ON,
                    _OPTIONAL_MESSAGE,
                ),
            ),
        ),
        Verb.PLAN: VerbRow(
            {**_STAYS_ACTIVE, **_STAYS_ENDED},
            _STAFF,
            refusal="be planned for a release",
            timeline="planned this for {release}",
            mail=MailText(
                "Planned for a release",
                "Your ticket is planned for a release. The ticket page shows which one, and when.\n"
                "You will get an e-mail when it is available.",
            ),
            message=Message.OPTIONAL,
            form=ActionForm(
                "plan",
                "Plan for a release",
                "Save plan",
                (
                    FormField(
                        "release",
                        FieldKind.LINE,
                        "Release or defect",
                        "such as 2.1 or BUG-17",
                        required=True,
                        choices="releases",
                    ),
                    FormField("planned", FieldKind.DATE, "Planned for", "optional"),
                    _OPTIONAL_MESSAGE,
                ),
            ),
        ),
        Verb.SHIP: VerbRow(
            {**_STAYS_ACTIVE, **_STAYS_ENDED, Status.ON_HOLD: Status.OPEN},
            _STAFF,
            refusal="be told about a release",
            timeline="announced that {release} is available",
            clock=SlaEventKind.RESUMED,
            mail=MailText(
                "What you were waiting for is available",
                "The release or fix that your ticket was waiting for is available. The ticket page "
                "shows which one.",
            ),
        ),
        Verb.RESUME: VerbRow(
            {Status.PENDING: Status.OPEN, Status.ON_HOLD: Status.OPEN},
            _STAFF,
            refusal="be resumed",
            timeline="resumed the ticket",
            clock=SlaEventKind.RESUMED,
            mail=MailText("Ticket resumed", "The ticket is open again."),
            public=False,
            form=ActionForm("resume", "Resume"),
        ),
        Verb.NO_REPLY_NEEDED: VerbRow(
            {Status.OPEN: Status.PENDING},
            _STAFF,
            refusal="be marked as needing no reply",
            timeline="marked the ticket as needing no reply",
            clock=SlaEventKind.NO_ANSWER_NEEDED,
            audience=Audience.NOBODY,
            public=False,
            form=ActionForm("no-answer", "No reply needed"),
        ),
        Verb.CHANGE_LEVEL: VerbRow(
            _STAYS_ACTIVE,
            _STAFF,
            refusal="move to another support level",
            timeline="changed the support level to {title}",
            clock=SlaEventKind.LEVEL_CHANGED,
            mail=MailText(
                "Support level changed",
                "The support level of the ticket has changed. The ticket page shows the new "
                "level and the reason.",
            ),
            message=Message.REQUIRED,
            form=ActionForm(
                "move",
                "Change the support level",
                "Change level",
                (
                    FormField("level", FieldKind.CHOICE, "Support level", choices="levels"),
                    FormField(
                        "change",
                        FieldKind.CHOICE,
                        "New due dates count",
                        choices=(
                            ("", "as the level defines"),
                            ("retroactive", "from the start of the ticket"),
                            ("from_change", "from now"),
                            ("proportional", "in proportion to the time left"),
                        ),
                    ),
                    _MESSAGE_TO_CUSTOMER,
                ),
            ),
        ),
        Verb.PROPOSE: VerbRow(
            _STAYS_ACTIVE,
            _STAFF,
            refusal="get another severity",
            timeline="proposed the severity “{title}”",
            mail=MailText(
                "Please confirm a new severity",
                "Support proposes another severity for your ticket. Please agree or decline "
                "on the ticket page.",
            ),
            message=Message.REQUIRED,
            form=ActionForm(
                "severity",
                "Propose a severity",
                "Propose",
                (
                    FormField("severity", FieldKind.CHOICE, "Severity", choices="severities"),
                    FormField(
                        "detail", FieldKind.LINE, "Date or detail", "if the severity requires it"
                    ),
                    _MESSAGE_TO_CUSTOMER,
                ),
            ),
        ),
        Verb.AGREE: VerbRow(
            _STAYS_ACTIVE,
            _OWNER,
            refusal="get another severity",
            timeline="agreed to the severity “{title}”",
            clock=SlaEventKind.LEVEL_CHANGED,
            mail=MailText("Severity agreed", "The requester agreed to the proposed severity."),
            form=ActionForm("agree", "Agree", icon="check"),
            needs_proposal=True,
        ),
        Verb.DECLINE: VerbRow(
            _STAYS_ACTIVE,
            _OWNER,
            refusal="get another severity",
            timeline="declined the proposed severity",
            mail=MailText("Severity declined", "The requester declined the proposed severity."),
            message=Message.OPTIONAL,
            form=ActionForm(
                "decline",
                "Decline",
                "Decline",
                (_message_field("Message to support", "optional", required=False),),
            ),
            needs_proposal=True,
        ),
        Verb.CONFIRM: VerbRow(
            _STAYS_ACTIVE,
            _OWNER,
            refusal="get another support level",
            timeline="confirmed sending the e-mail",
            clock=SlaEventKind.LEVEL_CHANGED,
            mail=MailText("Sender confirmed", "The requester confirmed sending the e-mail."),
        ),
        Verb.COPY: VerbRow(
            _STAYS_ACTIVE,
            _STAFF_AND_OWNER,
            refusal="be copied to other people",
            timeline="changed who receives copies",
            audience=Audience.NOBODY,
            form=ActionForm("copies", "Change who receives copies", "Save", (_COPY_TO,)),
        ),
        Verb.REVOKE_LINKS: VerbRow(
            {status: status for status in Status},
            _STAFF_AND_OWNER,
            refusal="have its private links revoked",
            timeline="revoked all private links to this ticket",
            audience=Audience.NOBODY,
        ),
        Verb.ESCALATE: VerbRow(
            {**_ASKED, **_STAYS_ENDED},
            _OWNER,
            refusal="be escalated",
            timeline="escalated the ticket",
            clock=SlaEventKind.COMMENT,
            audience=Audience.CONCERNED | Audience.SUPERVISORS,
            mail=MailText("Ticket escalated", "The requester escalated a ticket to a supervisor."),
            message=Message.REQUIRED,
            form=ActionForm(
                "escalate",
                "Escalate this ticket to a supervisor",
                "Escalate",
                (_message_field("What went wrong?"),),
            ),
        ),
        Verb.SOLVE: VerbRow(
            _all_become(Status.RESOLVED),
            _STAFF_AND_OWNER,
            refusal="be resolved",
            timeline="resolved the ticket",
            clock=SlaEventKind.RESOLVED,
            audience=Audience.CONCERNED | Audience.COPIES,
            mail=MailText(
                "Resolved",
                "The ticket is resolved. If the problem persists, reopen it on the ticket page.\n"
                "How did we do? You can rate our answer on the same page.",
            ),
            message=Message.OPTIONAL,
            form=ActionForm(
                "solve",
                "Mark as resolved",
                "Mark as resolved",
                (FormField("reason", FieldKind.CHOICE, "Resolution", choices="closing_reasons"),),
                Layout.LINE,
            ),
            requester_form=ActionForm("solve", "Mark as resolved", icon="check"),
        ),
        Verb.CANCEL: VerbRow(
            _all_become(Status.CANCELLED),
            _STAFF_AND_OWNER,
            refusal="be cancelled",
            timeline="cancelled the ticket",
            clock=SlaEventKind.CANCELLED,
            audience=Audience.CONCERNED | Audience.COPIES,
            mail=MailText(
                "Closed",
                "The ticket is closed. If you still need help, reopen it on the ticket page.",
            ),
            requester_form=ActionForm("cancel", "Cancel ticket", icon="minus"),
        ),
        Verb.RATE: VerbRow(
            _STAYS_ENDED,
            _OWNER,
            refusal="be rated",
            timeline="rated the ticket {score} of 5",
            audience=Audience.NOBODY,
            message=Message.OPTIONAL,
            form=ActionForm(
                "rate",
                "How did we do?",
                "Send rating",
                (
                    FormField("score", FieldKind.SCORE, "Rating", required=True, choices=_SCORES),
                    _message_field("What should we know?", "optional", required=False),
                ),
                Layout.CARD,
            ),
        ),
        Verb.REOPEN: VerbRow(
            {Status.RESOLVED: Status.OPEN, Status.CANCELLED: Status.OPEN},
            _STAFF_AND_OWNER,
            refusal="be reopened",
            timeline="reopened the ticket",
            clock=SlaEventKind.REOPENED,
            audience=Audience.CONCERNED | Audience.COPIES,
            mail=MailText("Reopened", "The ticket is open again."),
            message=Message.REQUIRED,
            form=ActionForm("reopen", "Reopen the ticket", "Reopen", (_MESSAGE_TO_CUSTOMER,)),
            requester_form=ActionForm(
                "reopen",
                "Not resolved?",
                "Reopen ticket",
                (_message_field("Tell us what is still wrong"),),
                Layout.CARD,
            ),
        ),
        Verb.MERGE: VerbRow(
            _all_become(Status.MERGED),
            _STAFF,
            refusal="be merged",
            timeline="merged the ticket into {into}",
            clock=SlaEventKind.CANCELLED,
            mail=MailText(
                "Ticket merged",
                "The ticket was merged into another one about the same issue. The ticket page "
                "shows its number.",
            ),
            form=ActionForm(
                "merge",
                "Merge into another ticket",
                "Merge …",
                (
                    FormField(
                        "into", FieldKind.LINE, "Ticket number", "such as KB-1042", required=True
                    ),
                ),
                confirm=True,
            ),
        ),
        Verb.ABSORB: VerbRow(
            _STAYS_ACTIVE,
            _STAFF,
            refusal="have another ticket merged into it",
            timeline="merged {from} into this ticket",
            audience=Audience.NOBODY,
        ),
        Verb.SPLIT: VerbRow(
            _STAYS_ACTIVE,
            _STAFF,
            refusal="be split",
            timeline="split off a new ticket: {title}",
            mail=MailText(
                "Ticket split", "Part of a ticket that you watch is now a separate ticket."
            ),
            public=False,
            form=ActionForm(
                "split",
                "Split off a new ticket",
                "Split",
                (
                    FormField("title", FieldKind.LINE, "Title of the new ticket", required=True),
                    _message_field("Description"),
                ),
            ),
        ),
        Verb.UNDO: VerbRow(
            # As it was before; the status in the table stands for all of them.
            {Status.MERGED: Status.OPEN, Status.SPAM_OR_DUPLICATE: Status.OPEN},
            _STAFF,
            refusal="have a merge or a mark as spam or duplicate undone",
            timeline="undid the last step",
            audience=Audience.NOBODY,
        ),
        Verb.SEPARATE: VerbRow(
            {**_STAYS_ACTIVE, **_STAYS_ENDED},
            _STAFF,
            refusal="lose a ticket that was merged into it",
            timeline="undid the merge of {from}",
            audience=Audience.NOBODY,
        ),
        Verb.VOID: VerbRow(
            _all_become(Status.SPAM_OR_DUPLICATE),
            _STAFF,
            refusal="be marked as spam or duplicate",
            timeline="marked the ticket as {why}",
            clock=SlaEventKind.VOIDED,
            mail=MailText(
                "Closed as a duplicate", "The ticket was filed twice, and this copy is closed."
            ),
            form=ActionForm(
                "void",
                "Mark as spam or duplicate",
                "Mark and close …",
                (
                    FormField(
                        "why",
                        FieldKind.CHOICE,
                        "Reason",
                        required=True,
                        choices=(("duplicate", "Duplicate"), ("spam", "Spam")),
                    ),
                ),
                confirm=True,
            ),
        ),
    }
)

#: For so long a merge and a mark as spam or duplicate can be undone, and no mail tells of them.
UNDO_WINDOW = dt.timedelta(minutes=10)
UNDOABLE_VERBS = (Verb.MERGE, Verb.VOID)

#: How long a ticket takes large files, and how long incomplete ones are kept.
UPLOAD_LINK_LIFETIME = dt.timedelta(days=7)

#: The kinds of mails to staff about a ticket that was filed, and about a note that names them.
NEW_TICKET, MENTIONED_IN_NOTE = "new-ticket", "mentioned"
#: The kind of the mail that asks somebody whether they want to be copied on a ticket.
ASKED_TO_COPY = "asked"
#: The kind of the mail that tells the assignee that mails do not reach somebody.
UNDELIVERED = "undelivered"
#: The kind of the mail that reminds a customer to change a secret that we no longer have.
SECRET_DELETED = "secret-deleted"  # noqa: S105 - the kind of a mail
#: The kind of the mail that tells the requester that an agent is responsible now.
SCHEDULED = "scheduled"
#: The kinds of mails about events whose verb would promise something else.
HANDED_OVER, CLOSED_FOR_A_REASON = "handed-over", "closed-for-a-reason"
#: Verb of an event, or the kind of another mail about a ticket -> what the mail says.
TICKET_MAIL_TEXTS: Mapping[str, MailText] = MappingProxyType(
    {verb.value: row.mail for verb, row in VERBS.items() if row.mail is not None}
    | {
        Verb.OPEN.value: MailText(
            "We received your ticket",
            "We received your ticket {number}. Its support level is {level}.",
        ),
        NEW_TICKET: MailText("New ticket", "A new ticket was filed."),
        MENTIONED_IN_NOTE: MailText(
            "You were mentioned", "A colleague mentioned you in an internal note."
        ),
        SCHEDULED: MailText(
            "Your ticket is scheduled",
            "An agent is now responsible for your ticket {number}. Its support level is {level}.",
        ),
        HANDED_OVER: MailText(
            "With our developers",
            "The ticket was handed over to our developers. Its support level stays the same.",
        ),
        CLOSED_FOR_A_REASON: MailText(
            "Closed",
            "The ticket is closed. The ticket page shows the reason. If you do not agree, reopen "
            "the ticket there.",
        ),
        ASKED_TO_COPY: MailText(
            "Do you want to follow this ticket?",
            "Somebody who filed a ticket asked us to keep you informed about it. The page below "
            "shows\ntheir address. You receive no e-mails about it unless you confirm there.",
        ),
        UNDELIVERED: MailText(
            "An e-mail was not delivered",
            "The mail server of the requester, or of somebody who gets copies, refused our\n"
            "e-mail. The ticket page shows the address.",
        ),
        SECRET_DELETED: MailText(
            "Change the secret that you gave us",
            "The ticket has ended, so we have deleted the password or key that you gave us.\n"
            "Change it now, so that nobody who has seen it can use it.",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class StatusRow:
    """``title`` names the status for people; the rest makes up the answer to a refused verb."""

    title: str
    sentence: str
    remedy: str = ""
    owner_title: str = ""  # for the requester, where it differs


STATUSES: Mapping[Status, StatusRow] = MappingProxyType(
    {
        Status.OPEN: StatusRow("Open", "This ticket is open"),
        Status.PENDING: StatusRow(
            "Pending", "This ticket is pending", owner_title="Waiting for your reply"
        ),
        Status.ON_HOLD: StatusRow("On hold", "This ticket is on hold"),
        Status.RESOLVED: StatusRow("Resolved", "This ticket is resolved", " Reopen it first."),
        Status.CANCELLED: StatusRow(
            "Closed: cancelled", "This ticket is closed", " Reopen it first."
        ),
        Status.SPAM_OR_DUPLICATE: StatusRow(
            "Closed: spam or duplicate",
            "This ticket is closed as spam or a duplicate",
            " File a new ticket instead.",
        ),
        Status.MERGED: StatusRow(
            "Closed: merged",
            "This ticket was merged into another one",
            " Continue in that ticket.",
        ),
    }
)


def next_status(status: Status, verb: Verb) -> Status:
    """The status after ``verb``. Raises Conflict when the table has no such transition."""
    following = VERBS[verb].transitions.get(status)
    if following is None:
        row = STATUSES[status]
        raise Conflict(f"{row.sentence} and cannot {VERBS[verb].refusal}.{row.remedy}")
    return following
