"""Keys of a valid policy file that nothing reads, so that what they say never happens.

``kb sla check`` reports them. They do not keep a portal from starting: a policy that was in force
once must be readable for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from kb.sla.policy import ANY_VALUE, CHANNELS, Entitlement, Level, SlaPolicy
from kb.toml_reader import TomlFile, TomlPath, nearest

#: A key by its path, and why nothing reads it.
UnreadKey = tuple[TomlPath, str]


@dataclass(frozen=True, slots=True)
class _Checked:
    """``products`` are the keys in the catalogue beside the policies, None without one."""

    policy: SlaPolicy
    data: Mapping[str, dict[str, dict[str, object]]]
    products: Collection[str] | None


def unread_keys(
    file: TomlFile, policy: SlaPolicy, *, products: Collection[str] | None = None
) -> tuple[str, ...]:
    """``file:line: sentence`` for each key that nothing reads, by line."""
    checked = _Checked(policy, file.data, products)
    unread = [(file.line(path), sentence) for check in _CHECKS for path, sentence in check(checked)]
    return tuple(f"{file.name}:{line}: {sentence}" for line, sentence in sorted(unread))


def levels_by_hand(file: TomlFile, policy: SlaPolicy) -> tuple[str, ...]:
    """``file:line: sentence`` for each level to which only agents can move a ticket: it may be
    meant so, or a row may be missing.
    """
    named = {row.level for row in policy.entitlements}
    named |= {coupon.level for coupon in policy.coupons.values()}
    named |= {level.after_support for level in policy.levels.values()}
    return tuple(
        f"{file.name}:{file.line(('levels', key))}: No entitlement, coupon or other level names "
        f"the level {key!r}. Only agents can move tickets to it."
        for key, level in policy.levels.items()
        if key not in named and not level.handover
    )


def _calendars(checked: _Checked) -> Iterator[UnreadKey]:
    used = {level.calendar for level in checked.policy.levels.values()}
    for key in checked.policy.calendars:
        if key not in used:
            yield ("calendars", key), f"No level uses the calendar {key!r}."


def _levels(checked: _Checked) -> Iterator[UnreadKey]:
    for key, level in checked.policy.levels.items():
        written = checked.data["levels"][key]
        if _has_target(level):
            continue
        for name in ("warn", "grace", "change", "reopen_resets"):
            if name in written:
                sentence = f"The level {key!r} has no SLA target, so {name!r} has no effect."
                yield ("levels", key, name), sentence


def _has_target(level: Level) -> bool:
    return bool(level.first_response or level.next_response or level.resolution)


def _facts(checked: _Checked) -> Iterator[UnreadKey]:
    """Values of facts that no ticket can have."""
    policy = checked.policy
    known: dict[str, Collection[str] | None] = {
        "topic": policy.topics,
        "group": policy.groups,
        "channel": CHANNELS,
        "product": checked.products,
    }
    for path, when in _conditions(checked):
        for fact, values in when.items():
            names = known.get(fact)
            if names is None:
                continue
            folded = {name.casefold() for name in names}
            for value in sorted(values - folded - {ANY_VALUE}):
                sentence = f"No ticket has the {fact} {value!r}; {nearest(value, names)}"
                yield (*path, "when", fact), sentence


def _conditions(checked: _Checked) -> Iterator[tuple[TomlPath, Mapping[str, frozenset[str]]]]:
    policy = checked.policy
    for number, row in enumerate(policy.entitlements):
        yield ("entitlements", number), row.when
    for key, severity in policy.severities.items():
        yield ("severities", key), severity.when
    for key, own in policy.fields.items():
        yield ("fields", key), own.when


def _entitlements(checked: _Checked) -> Iterator[UnreadKey]:
    rows = checked.policy.entitlements
    for number, row in enumerate(rows[:-1]):
        first = next((n for n in range(number) if _covers(rows[n], row)), None)
        if first is not None:
            sentence = f"This entitlement never applies: number {first + 1} matches before it."
            yield ("entitlements", number), sentence


def _covers(earlier: Entitlement, later: Entitlement) -> bool:
    """Whether every ticket that ``later`` matches is matched by ``earlier``."""
    return all(
        fact in later.when and (ANY_VALUE in values or later.when[fact] <= values)
        for fact, values in earlier.when.items()
    )


def _coupons(checked: _Checked) -> Iterator[UnreadKey]:
    policy = checked.policy
    for key, coupon in policy.coupons.items():
        levels = {
            row.level
            for row in policy.entitlements
            if {key, ANY_VALUE} & row.when.get("coupon", frozenset())
        }
        if not levels:
            yield ("coupons", key), f"No entitlement names the coupon {key!r}, so it has no effect."
        elif coupon.level not in levels:
            sentence = f"Entitlements with this coupon lead to {', '.join(sorted(levels))}."
            yield ("coupons", key, "level"), sentence


def _groups(checked: _Checked) -> Iterator[UnreadKey]:
    named = {
        value for row in checked.policy.entitlements for value in row.when.get("group", frozenset())
    }
    for key in checked.policy.groups:
        if not named & {key.casefold(), ANY_VALUE}:
            yield ("groups", key), f"No entitlement names the group {key!r}."


def _reasons(checked: _Checked) -> Iterator[UnreadKey]:
    for key, reason in checked.policy.reasons.items():
        written = checked.data["reasons"][key]
        for name in ("pauses", "until_reply"):
            if reason.closes and name in written:
                sentence = f"A ticket does not wait for a reason that closes it, so {name!r} has no"
                yield ("reasons", key, name), f"{sentence} effect."


def _mailboxes(checked: _Checked) -> Iterator[UnreadKey]:
    products = checked.products
    for address, mailbox in checked.policy.mailboxes.items():
        if mailbox.product and products is not None and mailbox.product not in products:
            sentence = f"No product is called {mailbox.product!r}; "
            yield ("mailboxes", address, "product"), sentence + nearest(mailbox.product, products)


_CHECKS = (
    _calendars,
    _levels,
    _facts,
    _entitlements,
    _coupons,
    _groups,
    _reasons,
    _mailboxes,
)
