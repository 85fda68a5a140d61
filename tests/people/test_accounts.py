"""Signing in, sessions and people."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from kb.errors import Conflict, Forbidden, Invalid, TooMany
from kb.people.accounts import Accounts
from kb.people.demo import DEMO_ACCOUNTS, add_demo_accounts
from kb.people.person import Role, email_address
from kb.people.tables import PEOPLE
from kb.timezones import is_time_zone
from tests.world import DAY, FRIDAY, HOUR, World

WRONG = "not the password"
SECOND, MINUTE = dt.timedelta(seconds=1), dt.timedelta(minutes=1)


def fail(
    world: World, times: int, email: str = "alice@example.com", address: str = "192.0.2.1"
) -> None:
    for _ in range(times):
        with pytest.raises(Forbidden):
            world.accounts.sign_in(email, WRONG, address=address, now=FRIDAY)


def sign_in(
    world: World,
    email: str = "alice@example.com",
    address: str = "192.0.2.1",
    now: dt.datetime = FRIDAY,
) -> str:
    return world.accounts.sign_in(email, "alice-demo", address=address, now=now)


def test_alice_signs_in_with_her_address_in_any_case(world: World) -> None:
    token = sign_in(world, " ALICE@Example.com ")
    assert world.accounts.person(token, now=FRIDAY) == world.alice
    assert world.alice.organisation == "Acme"
    assert world.alice.category == "commercial"
    assert not world.alice.is_staff
    assert world.bob.is_staff


def test_a_session_ends_after_its_hours(world: World) -> None:
    token = sign_in(world)
    assert world.accounts.person(token, now=FRIDAY + 12 * HOUR - HOUR / 60) == world.alice
    assert world.accounts.person(token, now=FRIDAY + 12 * HOUR) is None


def test_customers_stay_signed_in_if_they_choose_so_and_staff_do_not(world: World) -> None:
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    accounts = Accounts(
        world.database, session_hours=12, remember_days=30, demo=True, hasher=hasher
    )
    for name, remember, days in (("alice", True, 29), ("alice", False, 0), ("bob", True, 0)):
        token = accounts.sign_in(
            f"{name}@example.com",
            f"{name}-demo",
            address="192.0.2.1",
            remember=remember,
            now=FRIDAY,
        )
        signed_in = [day for day in (0, 29, 31) if accounts.person(token, now=FRIDAY + day * DAY)]
        assert signed_in == ([0, 29] if days else [0])


def test_signing_out_ends_this_session_and_no_other(world: World) -> None:
    one, two = sign_in(world), sign_in(world)
    assert one != two
    world.accounts.sign_out(one)
    world.accounts.sign_out(one)
    world.accounts.sign_out(None)
    assert world.accounts.person(one, now=FRIDAY) is None
    assert world.accounts.person(two, now=FRIDAY) == world.alice


@pytest.mark.parametrize("token", [None, "", "x", "\ud800", "a" * 10_000])
def test_an_unknown_token_is_nobodys(world: World, token: str | None) -> None:
    assert world.accounts.person(token, now=FRIDAY) is None


def test_no_token_or_password_lies_in_the_database(world: World) -> None:
    token = sign_in(world)
    world.database.close()
    kept = b"".join(path.read_bytes() for path in world.data.glob("tickets.db*"))
    assert token.encode() not in kept
    assert b"alice-demo" not in kept
    assert len(token) >= 43  # 256 bits


def test_an_unknown_address_and_a_wrong_password_get_the_same_words_and_the_same_work(
    world: World,
) -> None:
    hasher = CountingHasher(time_cost=1, memory_cost=8, parallelism=1)
    accounts = Accounts(world.database, demo=True, hasher=hasher)
    sentences = []
    for email in ("alice@example.com", "nobody@example.com", "no address", "\ud800", ""):
        with pytest.raises(Forbidden) as refused:
            accounts.sign_in(email, WRONG, address="192.0.2.1", now=FRIDAY)
        sentences.append(refused.value.sentence)
    assert len(set(sentences)) == 1
    assert hasher.verified == ["$argon2id$v=19$m=8,t=1,p=1"] * 5


class CountingHasher(PasswordHasher):
    """A real hasher that remembers what it was asked to verify."""

    def __init__(self, *, time_cost: int, memory_cost: int, parallelism: int) -> None:
        super().__init__(time_cost=time_cost, memory_cost=memory_cost, parallelism=parallelism)
        self.verified: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]  # noqa: A002
        self.verified.append(str(hash).rsplit("$", 2)[0])
        return super().verify(hash, password)


def test_after_five_failures_the_next_attempt_waits_twice_as_long_each_time(world: World) -> None:
    now, waits = FRIDAY, []
    fail(world, 5)
    for _ in range(8):
        with pytest.raises(TooMany) as refused:
            sign_in(world, now=now)
        waits.append(refused.value.retry_after or 0)
        now += waits[-1] * SECOND
        with pytest.raises(Forbidden):
            world.accounts.sign_in("alice@example.com", WRONG, address="192.0.2.1", now=now)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert world.accounts.person(sign_in(world, now=now + MINUTE), now=now + MINUTE) == world.alice


def test_wrong_passwords_from_elsewhere_keep_nobody_out(world: World) -> None:
    for network in range(3):
        fail(world, 6 - 1, address=f"198.51.100.{network}")
    assert world.accounts.person(sign_in(world), now=FRIDAY) == world.alice


def test_guessing_from_many_networks_is_slow_but_locks_nobody_out(world: World) -> None:
    for network in range(20):
        fail(world, 1, address=f"198.51.100.{network}")
    with pytest.raises(TooMany) as refused:
        sign_in(world)
    assert refused.value.retry_after == 1
    assert sign_in(world, now=FRIDAY + SECOND)


def test_a_known_device_has_its_own_allowance(world: World) -> None:
    def attempt(password: str, device: str) -> str:
        return world.accounts.sign_in(
            "alice@example.com", password, address="192.0.2.1", device=device, now=FRIDAY
        )

    for network in range(30):
        if network < 20:
            fail(world, 1, address=f"198.51.100.{network}")
        elif network < 25:
            with pytest.raises(TooMany):
                sign_in(world)
    assert attempt("alice-demo", "hers")
    for _ in range(5):
        with pytest.raises(Forbidden):
            attempt(WRONG, "stolen")
    with pytest.raises(TooMany):
        attempt("alice-demo", "stolen")
    assert attempt("alice-demo", "hers")


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "Password1!",
        "12345678",
        "aaaaaaaa",
        "2026-11-29",
        "qwertyuiop",
        "zoe@example.com",
        "ZOE@example.com",
        "Welcome2026",
    ],
)
def test_a_password_that_others_would_guess_is_refused(world: World, password: str) -> None:
    accounts = world.accounts
    with pytest.raises(Invalid) as refused:
        accounts.add("zoe@example.com", "Zoe", password, role="customer", now=FRIDAY)
    assert list(refused.value.fields) == ["password"]
    zoe = accounts.add("zoe@example.com", "Zoe", "zoe-secret-word", role="customer", now=FRIDAY)
    with pytest.raises(Invalid):
        accounts.replace_password(zoe, password, now=FRIDAY)
    with pytest.raises(Invalid):
        accounts.change_password(zoe, "zoe-secret-word", password, token=None, now=FRIDAY)
    secret = accounts.links.issue("reset", "zoe@example.com", {}, now=FRIDAY)
    with pytest.raises(Invalid):
        accounts.links.use(secret, password, now=FRIDAY)
    assert accounts.links.use(secret, "several words here", now=FRIDAY)


def test_the_limit_holds_for_unknown_addresses_too(world: World) -> None:
    fail(world, 5, "nobody@example.com")
    with pytest.raises(TooMany):
        world.accounts.sign_in("nobody@example.com", WRONG, address="192.0.2.1", now=FRIDAY)


def test_a_success_forgets_the_failures_before_it(world: World) -> None:
    fail(world, 4)
    sign_in(world)
    fail(world, 4)
    assert sign_in(world)


@pytest.mark.parametrize(
    "variant", ["ALICE@example.com", "alice+x@example.com", " alice@EXAMPLE.com"]
)
def test_another_way_to_write_the_address_does_not_pass_the_limit(
    world: World, variant: str
) -> None:
    fail(world, 5, variant)
    with pytest.raises(TooMany):
        sign_in(world)


def test_one_network_address_cannot_try_many_accounts(world: World) -> None:
    for i in range(20):
        fail(world, 1, f"guess{i}@example.com", address=f"2001:db8::{i:x}")
    with pytest.raises(TooMany):
        world.accounts.sign_in("fresh@example.com", WRONG, address="2001:db8::ffff", now=FRIDAY)
    assert sign_in(world, address="2001:db8:0:1::1")


def test_only_people_with_a_password_sign_in(world: World) -> None:
    world.accounts.guest("gina@example.com", "Gina", "UTC", now=FRIDAY)
    for password in ("", "None", "gina-demo"):
        with pytest.raises(Forbidden):
            world.accounts.sign_in("gina@example.com", password, address="192.0.2.1", now=FRIDAY)


def test_a_costlier_hash_replaces_an_old_one_at_sign_in(world: World) -> None:
    dearer = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    accounts = Accounts(world.database, demo=True, hasher=dearer)
    accounts.sign_in("alice@example.com", "alice-demo", address="192.0.2.1", now=FRIDAY)
    with world.database.read() as connection:
        query = select(PEOPLE.c.password_hash).where(PEOPLE.c.email == "alice@example.com")
        kept = connection.execute(query).scalar_one()
    assert not dearer.check_needs_rehash(kept)


def test_a_guest_is_never_the_account_of_the_same_address(world: World) -> None:
    guest = world.accounts.guest("Alice@example.com", "Not Alice", "Europe/Berlin", now=FRIDAY)
    assert guest.id != world.alice.id
    assert guest.guest
    assert (guest.category, guest.organisation, guest.audience) == ("", "", "public")
    again = world.accounts.guest("alice@example.com", "Somebody", "Mars/Olympus", now=FRIDAY)
    assert (again.id, again.name, again.zone) == (guest.id, "Somebody", "UTC")
    assert world.alice in world.accounts.all()
    assert all(not person.guest for person in world.accounts.all())


@pytest.mark.parametrize(
    "email", ["", "alice", "a@b", "a b@example.com", "a@example.com\nBcc: x@example.com"]
)
def test_a_guest_needs_an_address(world: World, email: str) -> None:
    with pytest.raises(Invalid) as refused:
        world.accounts.guest(email, "Gina", "UTC", now=FRIDAY)
    assert refused.value.field == "email"


def test_adding_an_account_names_every_mistake_at_once(world: World) -> None:
    with pytest.raises(Invalid) as refused:
        world.accounts.add("no", " ", "short", role="king", zone="Mars/Olympus", now=FRIDAY)
    assert set(refused.value.fields) == {"email", "name", "password", "role", "zone"}


def test_an_address_has_one_account(world: World) -> None:
    with pytest.raises(Conflict):
        world.accounts.add("ALICE@example.com", "Alice", "long enough", role="customer", now=FRIDAY)


def test_a_company_is_one_however_it_is_written(world: World) -> None:
    assert world.anton.organisation_id == world.alice.organisation_id
    assert world.charlie.organisation_id != world.alice.organisation_id


def test_each_role_reads_what_is_meant_for_it(world: World) -> None:
    assert [p.audience for p in (world.alice, world.bob, world.erin)] == [
        "customers",
        "staff",
        "staff",
    ]
    assert world.erin.role is Role.EDITOR
    assert not world.erin.is_staff


def test_the_zone_can_be_changed_to_a_real_one(world: World) -> None:
    changed = world.accounts.set_zone(world.alice, "Asia/Tokyo")
    assert (
        world.accounts.by_email("alice@example.com")
        == changed
        == replace(world.alice, zone="Asia/Tokyo")
    )
    with pytest.raises(Invalid):
        world.accounts.set_zone(world.alice, "../../etc/passwd")


def test_the_demo_can_be_asked_for_again_and_every_sign_in_works(world: World) -> None:
    signs = add_demo_accounts(world.accounts, FRIDAY + DAY)
    assert [sign.name for sign in signs] == [demo.name for demo in DEMO_ACCOUNTS]
    for sign in signs:
        token = world.accounts.sign_in(sign.email, sign.password, address="192.0.2.1", now=FRIDAY)
        person = world.accounts.person(token, now=FRIDAY)
        assert person
        assert person.role is sign.role


def test_a_demo_person_signs_in_on_a_demo_portal_only(world: World) -> None:
    token = sign_in(world)
    real = Accounts(world.database, hasher=PasswordHasher(1, 8, 1))
    with pytest.raises(Forbidden):
        real.sign_in("ada@example.com", "ada-demo", address="192.0.2.1", now=FRIDAY)
    with pytest.raises(Forbidden):
        real.sign_in_vouched("ada@example.com", now=FRIDAY)
    assert real.person(token, now=FRIDAY) is None, "a session from the demo has ended"
    assert world.accounts.person(token, now=FRIDAY) == world.alice
    anton = real.sign_in("anton@example.com", "anton-demo", address="192.0.2.1", now=FRIDAY)
    assert real.person(anton, now=FRIDAY) == world.anton


def test_a_demo_persons_new_password_opens_no_real_portal(world: World) -> None:
    real = Accounts(world.database, hasher=PasswordHasher(1, 8, 1))
    secret = real.links.issue("reset", "ada@example.com", {}, now=FRIDAY)
    real.links.use(secret, "a better password", now=FRIDAY)
    with pytest.raises(Forbidden):
        real.sign_in("ada@example.com", "a better password", address="192.0.2.1", now=FRIDAY)


@pytest.mark.parametrize(
    "zone", ["", ".", "..", "/etc", "Europe", "Europe/Nowhere", "\x00", "a" * 300]
)
def test_what_is_no_zone_is_none(zone: str) -> None:
    assert not is_time_zone(zone)


@pytest.mark.parametrize(
    "words", ["<a@b.de>", '"a"@b.de', "a@b.de,c@d.de", "a@-b.de", "a@b..de", "a@b.1", "\ud800@b.de"]
)
def test_what_is_no_address_is_none(words: str) -> None:
    assert email_address(words) is None


def test_addresses_of_every_script_are_addresses() -> None:
    assert email_address("Jörg+kb@Bücher.example") == "jörg+kb@bücher.example"


def test_an_invisible_name_is_refused(world: World) -> None:
    with pytest.raises(Invalid) as refused:
        world.accounts.add(
            "zoe@example.com", "\u3164\u200b", "zoe-secret-word", role="customer", now=FRIDAY
        )
    assert list(refused.value.fields) == ["name"]
    with pytest.raises(Invalid) as refused:
        world.accounts.links.request_registration(
            "zoe@example.com", "\u3164", "UTC", address="192.0.2.1", now=FRIDAY
        )
    assert list(refused.value.fields) == ["name"]
