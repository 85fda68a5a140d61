"""Which step of signing in is still to come after the password, as a rule without a database."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from kb.people.person import Person, Role

#: A session that waits for a second step opens nothing and ends after this time.
STEP_LIFETIME = dt.timedelta(minutes=30)


class FactorRule(StrEnum):
    """What ``KB_SECOND_FACTOR`` asks of staff: of agents, editors and administrators."""

    OFF = "off"
    OPTIONAL = "optional"  # whoever has a second factor signs in with it
    STAFF = "staff"  # all staff need one

    def concerns(self, role: Role) -> bool:
        """Whether people with this role can have a second factor at all."""
        return self is not FactorRule.OFF and role is not Role.CUSTOMER


class SecondStep(StrEnum):
    """How a session passed its second step."""

    APP = "app"
    PASSKEY = "passkey"
    RECOVERY_CODE = "recovery-code"
    PROVIDER = "provider"  # an identity provider vouches, and asks for factors itself


class MissingStep(StrEnum):
    NONE = ""
    PROVE = "prove"  # the second factor that the person has
    ENROL = "enrol"  # the person must set one up


@dataclass(frozen=True, slots=True)
class SignIn:
    """A session: whose it is, and what is missing before it opens anything."""

    person: Person
    missing: MissingStep


def missing_step(rule: FactorRule, role: Role, *, has_factor: bool, passed: bool) -> MissingStep:
    """What a session needs before it opens anything.

    >>> missing_step(FactorRule.STAFF, Role.AGENT, has_factor=False, passed=False).value
    'enrol'
    >>> missing_step(FactorRule.STAFF, Role.CUSTOMER, has_factor=False, passed=False).value
    ''
    """
    if passed or not rule.concerns(role):
        return MissingStep.NONE
    if has_factor:
        return MissingStep.PROVE
    return MissingStep.ENROL if rule is FactorRule.STAFF else MissingStep.NONE
