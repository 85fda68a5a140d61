"""What mails say: the texts of notices, and the phrases around them, in each language of the site.

The built-in texts are English. A site can have its own, in other languages or in its own words, for
all of them or some; ``kb.site`` reads them. Names in braces are facts of the notice. Texts about
tickets and subscriptions come from those rooms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

#: Kind of notice about an account -> subject and text. Those about tickets are handed in.
ACCOUNT_MAIL_TEXTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "register": (
            "Complete your registration",
            "We received a request to create an account for this address.\n"
            "If you did not make this request, ignore this e-mail.",
        ),
        "exists": (
            "You already have an account",
            "We received a request to create an account for this address, which already has one.\n"
            "If you do not know your password, reset it on the sign-in page.",
        ),
        "invite": (
            "You are invited",
            "An organisation has invited you to become one of its contacts. The link shows which "
            "one.\n"
            "If you did not expect this, ignore this e-mail: you have no account until you accept.",
        ),
        "join": (
            "You are invited",
            "An organisation invites you to become one of its contacts with your account. The link "
            "shows which one.\n"
            "If you did not expect this, ignore this e-mail: nothing changes until you accept.",
        ),
        "deactivated": (
            "Your account was deactivated",
            "An administrator of your organisation has deactivated your account. You can no longer "
            "sign in.\n"
            "If this is a mistake, ask the administrator to reactivate it.",
        ),
        "account-merged": (
            "Your accounts were merged",
            "Our support team has merged two of your accounts into one. Sign in with the address "
            "that the support team gave you; your tickets are there.\n"
            "If you did not ask for this, tell our support team.",
        ),
        "address": (
            "Confirm your new address",
            "We received a request to use this address for an existing account.\n"
            "If you did not make this request, ignore this e-mail: nothing changes.",
        ),
        "address-changed": (
            "Your address was changed",
            "The address of your account was changed. You now sign in with the new address.\n"
            "If you did not change it, tell our support team immediately.",
        ),
        "reset": (
            "Reset your password",
            "We received a request to reset the password of your account.\n"
            "If you did not make this request, ignore this e-mail.",
        ),
        "changed": (
            "Your password was changed",
            "Your password was changed, and you were signed out everywhere else.\n"
            "If you did not change it, reset your password on the sign-in page immediately.",
        ),
        "factor-added": (
            "A second factor was added",
            "An authenticator app or a passkey was added to your account. You now sign in with it "
            "after your password.\n"
            "If you did not add it, reset your password on the sign-in page immediately, and ask "
            "an administrator to reset your second factor.",
        ),
        "factor-removed": (
            "A second factor was removed",
            "An authenticator app or a passkey was removed from your account.\n"
            "If you did not remove it, reset your password on the sign-in page immediately.",
        ),
        "factor-reset": (
            "Your second factor was reset",
            "An administrator removed your authenticator app, your passkeys and your recovery "
            "codes. You were signed out everywhere.\n"
            "Set up a second factor again after you sign in. If you did not ask for this, tell an "
            "administrator.",
        ),
        "factor-refused": (
            "Wrong codes for your account",
            "Somebody entered your password today, and then several wrong codes.\n"
            "If this was not you, somebody else knows your password: reset it on the sign-in page "
            "immediately.",
        ),
        "recovery-used": (
            "A recovery code was used",
            "Somebody signed in to your account with your password and a recovery code. This code "
            "no longer works.\n"
            "If this was not you, reset your password on the sign-in page immediately, and ask an "
            "administrator to reset your second factor.",
        ),
        "recovery-renewed": (
            "You have new recovery codes",
            "New recovery codes were created for your account. The earlier codes no longer work.\n"
            "If you did not create them, reset your password on the sign-in page immediately.",
        ),
    }
)

#: The sentences that mails share. Names in braces are filled in.
MAIL_PHRASES: Mapping[str, str] = MappingProxyType(
    {
        "ticket": "Ticket {number}",
        "untitled": "Your support ticket",
        "wrote": "{author} wrote:",
        "due-first": "Our promise: you get a reply by {due}.",
        "no-first": "This support level has no target for the first response.",
        "due-next": "Next: you get a reply from us by {due}.",
        "open": "Next: we look at it and reply.",
        "pending": "Next: your reply. We continue as soon as we have it.",
        "on-hold": "Next: we tell you when we continue.",
        "on-hold-until": "Next: we continue on {due}.",
        "ended": "If you still need help, reopen the ticket on its page.",
        "ended-by-mail": "If you still need help, reply to this e-mail, which reopens the ticket.",
        "staff-due": "Due: {target} by {due}.",
        "reply": "To answer, reply to this e-mail.",
        "staff-reply": (
            "Reply to this e-mail to answer the requester. With #note in the first line, it is an "
            "internal note."
        ),
        "no-reply": "This reply-to address is not monitored; please use the page linked above.",
        "open-ticket": "Open the ticket",
        "open-page": "Open the page",
        "once": "The link works once and expires soon.",
        "sign-in": "Sign in",
        "copy": "You receive a copy because the requester entered your address.",
        "stop": "Stop these e-mails",
        "allow-list": (
            "Our e-mails come from {address}. Add this address to your contacts, so that they "
            "reach you."
        ),
        "suggested": "While you wait: these articles may answer your question.",
        "solved": "This solved it",
        "unproven": (
            "We could not verify that this e-mail came from you, so the ticket has the support "
            "level of a guest. If you sent it, confirm this, and the ticket gets the support level "
            "of your address. If you did not, ignore this e-mail."
        ),
        "confirm": "I sent this",
        "updates": "Updates on {count} tickets",
        "times": "{event} ({count} times)",
    }
)


@dataclass(frozen=True, slots=True)
class MailTexts:
    """Kind of notice -> subject and text, and the phrases, in one language."""

    notices: Mapping[str, tuple[str, str]]
    phrases: Mapping[str, str] = field(default_factory=lambda: MAIL_PHRASES)
    language: str = "en"


@dataclass(frozen=True, slots=True)
class MailLanguages:
    """The texts of a site; ``others`` by language."""

    default: MailTexts
    others: Mapping[str, MailTexts] = field(default_factory=dict)

    def of(self, language: str) -> MailTexts:
        """Those of a language, or of the one that it is a variant of, such as pt for pt-BR."""
        tag = language.lower()
        base = tag.partition("-")[0]
        return self.others.get(tag) or self.others.get(base) or self.default
