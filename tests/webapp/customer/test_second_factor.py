"""The second factor of staff on the portal: set up, sign in with it, remove it, reset it."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kb.errors import Forbidden, TooMany
from kb.notifications.tables import NOTICES
from kb.operations.audit import Action, AuditLog
from tests.webapp.factors import (
    STEP,
    SoftKey,
    give_password,
    options_of,
    prove,
    set_up_app,
    shown_app,
)
from tests.webapp.world import Browser, Portal, build, data_values, settings_of
from webapp.cli import prepare

PAGE = "/account/second-factor"
STEP_PAGE = "/sign-in/second-step"


def actions(portal: Portal) -> list[Action]:
    return [entry.action for entry in reversed(AuditLog(portal.centre.database).page())]


def notices(portal: Portal) -> list[str]:
    with portal.centre.database.read() as connection:
        rows = connection.execute(NOTICES.select().order_by(NOTICES.c.id)).all()
    return [row.kind for row in rows]


def add_passkey(browser: Browser, key: SoftKey, name: str = "Laptop") -> str:
    answer = browser.post(
        f"{PAGE}/passkeys",
        {"name": name, "answer": key.create(browser.page(PAGE)), "password": "bob-demo"},
    )
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return answer.headers["Location"]


# --- an authenticator app


def test_an_app_is_set_up_and_asked_for_at_the_next_sign_in(portal: Portal, bob: Browser) -> None:
    app, codes = set_up_app(portal, bob, "bob")
    assert len(codes) == 10
    assert bob.post(f"{PAGE}/codes/kept").headers["Location"] == PAGE
    assert bob.get(f"{PAGE}/codes").status_code == 303  # shown once

    half = give_password(portal, "bob")
    assert half.get("/desk").headers["Location"] == STEP_PAGE
    wrong = prove(half, "app", "000000")
    assert wrong.status_code == 403
    assert 'role="alert"' in wrong.get_data(as_text=True)
    right = prove(half, "app", app.code(portal.clock.now))
    assert (right.status_code, right.headers["Location"]) == (303, "/desk")
    assert half.get("/desk").status_code == 200
    assert actions(portal) == [
        Action.SIGNED_IN,
        Action.SECOND_FACTOR_ADDED,
        Action.SECOND_FACTOR_REFUSED,
        Action.SIGNED_IN,
    ]
    assert notices(portal) == ["factor-added"]


def test_the_secret_stays_the_same_until_a_right_code_is_entered(bob: Browser) -> None:
    first = shown_app(bob)
    wrong = bob.post(f"{PAGE}/app", {"code": "000000", "password": "bob-demo"})
    assert wrong.status_code == 422
    assert shown_app(bob) == first
    assert "otpauth://" in wrong.get_data(as_text=True)


def test_a_code_signs_in_once(portal: Portal, bob: Browser) -> None:
    app, _ = set_up_app(portal, bob, "bob")
    code = app.code(portal.clock.now)
    first, second = give_password(portal, "bob"), give_password(portal, "bob")
    assert prove(first, "app", code).status_code == 303
    assert prove(second, "app", code).status_code == 403
    portal.clock.now += STEP
    assert prove(second, "app", app.code(portal.clock.now)).status_code == 303


def test_of_many_who_use_one_code_at_once_one_signs_in(portal: Portal, bob: Browser) -> None:
    app, _ = set_up_app(portal, bob, "bob")
    code, factors = app.code(portal.clock.now), portal.centre.accounts.second_factors
    person = portal.centre.accounts.by_email("bob@example.com")
    assert person

    def token() -> str:
        with give_password(portal, "bob").client.session_transaction() as session:
            return str(session["token"])

    def signs_in(token: str) -> bool:
        try:
            return bool(factors.prove_by_app(person, code, token=token, now=portal.clock.now))
        except (Forbidden, TooMany):
            return False

    tokens = [token() for _ in range(5)]
    with ThreadPoolExecutor(len(tokens)) as pool:
        assert sum(pool.map(signs_in, tokens)) == 1


def test_the_token_of_the_half_session_dies_with_the_second_step(
    portal: Portal, bob: Browser
) -> None:
    app, _ = set_up_app(portal, bob, "bob")
    half = give_password(portal, "bob")
    with half.client.session_transaction() as session:
        stolen = session["token"]
    assert prove(half, "app", app.code(portal.clock.now)).status_code == 303
    assert portal.centre.accounts.session(stolen, now=portal.clock.now) is None


def test_a_half_session_ends_after_half_an_hour_and_is_not_listed(
    portal: Portal, bob: Browser
) -> None:
    app, _ = set_up_app(portal, bob, "bob")
    half = give_password(portal, "bob")
    assert len(data_values(bob.page("/account"), "current")) == 1
    assert 'name="session"' not in bob.page("/account")
    portal.clock.now += dt.timedelta(minutes=30)
    late = prove(half, "app", app.code(portal.clock.now))
    assert late.status_code == 403
    assert half.get("/desk").headers["Location"].startswith("/sign-in?next=")


def test_wrong_codes_are_delayed_and_the_person_is_warned(portal: Portal, bob: Browser) -> None:
    app, codes = set_up_app(portal, bob, "bob")
    half = give_password(portal, "bob")
    assert [prove(half, "app", "000000").status_code for _ in range(6)] == [403] * 5 + [429]
    refused = prove(half, "app", app.code(portal.clock.now))
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert notices(portal) == ["factor-added", "factor-refused"]
    assert actions(portal)[-1] is Action.SECOND_FACTOR_REFUSED

    # Guesses by others don't keep out whoever has a recovery code.
    assert prove(half, "recovery", codes[0]).status_code == 303


def test_at_most_fifty_codes_are_tried_in_a_day(portal: Portal, bob: Browser) -> None:
    set_up_app(portal, bob, "bob")
    factors = portal.centre.accounts.second_factors
    person = portal.centre.accounts.by_email("bob@example.com")
    assert person
    tried = 0
    for _ in range(90):
        portal.clock.now += dt.timedelta(minutes=15, seconds=1)
        try:
            factors.prove_by_app(person, "000000", token="", now=portal.clock.now)
        except (Forbidden, TooMany) as error:
            tried += isinstance(error, Forbidden)
    assert tried == 50


def test_a_recovery_code_signs_in_once_and_is_told(portal: Portal, bob: Browser) -> None:
    _, codes = set_up_app(portal, bob, "bob")
    half = give_password(portal, "bob")
    assert prove(half, "recovery", codes[3].upper()).status_code == 303
    assert half.get("/desk").status_code == 200
    assert actions(portal)[-2:] == [Action.RECOVERY_CODE_USED, Action.SIGNED_IN]
    assert notices(portal)[-1] == "recovery-used"
    assert data_values(half.page(PAGE), "codes") == ["9"]
    assert prove(give_password(portal, "bob"), "recovery", codes[3]).status_code == 403


def test_new_recovery_codes_replace_the_old_ones(portal: Portal, bob: Browser) -> None:
    _, old = set_up_app(portal, bob, "bob")
    answer = bob.post(f"{PAGE}/codes", {"password": "bob-demo"})
    assert answer.headers["Location"] == f"{PAGE}/codes"
    assert data_values(bob.page(f"{PAGE}/codes"), "code") == [""] * 10
    assert prove(give_password(portal, "bob"), "recovery", old[0]).status_code == 403


@pytest.mark.parametrize(
    "path", ["/app", "/app/remove", "/codes", "/passkeys", "/passkeys/1/remove"]
)
def test_an_open_session_alone_changes_nothing(portal: Portal, bob: Browser, path: str) -> None:
    set_up_app(portal, bob, "bob")
    refused = bob.post(PAGE + path, {"password": "wrong", "code": "1", "name": "x", "answer": "{}"})
    assert refused.status_code == 403
    assert actions(portal)[-1] is Action.PASSWORD_REFUSED


def test_without_the_last_factor_the_password_is_enough_again(portal: Portal, bob: Browser) -> None:
    set_up_app(portal, bob, "bob")
    removed = bob.post(f"{PAGE}/app/remove", {"password": "bob-demo"})
    assert removed.headers["Location"] == f"{PAGE}?done=app#app"
    assert give_password(portal, "bob").get("/desk").status_code == 200
    assert notices(portal)[-1] == "factor-removed"
    assert actions(portal)[-2:] == [Action.SECOND_FACTOR_REMOVED, Action.SIGNED_IN]


def test_a_new_signing_key_reads_the_app_of_the_old_one(folder: Path) -> None:
    old, new = "o" * 40, "n" * 40
    portal = build(settings_of(folder, secret_key=old))
    app, _ = set_up_app(portal, portal.browser("bob"), "bob")
    time = portal.clock.now

    rotated = build(settings_of(folder, secret_key=new, secret_key_fallbacks=old))
    rotated.clock.now = time
    assert prove(give_password(rotated, "bob"), "app", app.code(time)).status_code == 303

    forgotten = build(settings_of(folder, secret_key=new))
    forgotten.clock.now = time + STEP
    answer = prove(give_password(forgotten, "bob"), "app", app.code(time + STEP))
    assert answer.status_code == 503
    assert forgotten.centre.accounts.second_factors.unreadable() == 1

    prepare(settings_of(folder, secret_key=new, secret_key_fallbacks=old))  # a start of the portal
    answer = prove(give_password(forgotten, "bob"), "app", app.code(time + STEP))
    assert answer.status_code == 303


# --- passkeys


def test_a_passkey_is_registered_named_and_used(portal: Portal, bob: Browser) -> None:
    key = SoftKey()
    assert add_passkey(bob, key) == f"{PAGE}/codes"
    assert data_values(bob.page(PAGE), "passkey-name") == ["Laptop"]

    half = give_password(portal, "bob")
    page = half.page(STEP_PAGE)
    assert [one["id"] for one in options_of(page)["allowCredentials"]]  # type: ignore[index]
    answer = prove(half, "passkey", key.get(page))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/desk")
    assert "last used" in half.page(PAGE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://sub.localhost"},
        {"host": "evil.example"},
    ],
)
def test_an_answer_from_another_site_is_refused(
    portal: Portal, bob: Browser, wrong: dict[str, str]
) -> None:
    key = SoftKey()
    add_passkey(bob, key)
    for name, value in wrong.items():
        setattr(key, name, value)
    half = give_password(portal, "bob")
    assert prove(half, "passkey", key.get(half.page(STEP_PAGE))).status_code == 403
    assert actions(portal)[-1] is Action.SECOND_FACTOR_REFUSED


def test_an_answer_is_good_for_its_own_session_and_person_only(
    portal: Portal, bob: Browser
) -> None:
    key = SoftKey()
    add_passkey(bob, key)
    first, second = give_password(portal, "bob"), give_password(portal, "bob")
    answer = key.get(first.page(STEP_PAGE))
    assert prove(second, "passkey", answer).status_code == 403
    assert prove(first, "passkey", answer).status_code == 303

    ada = portal.browser("ada")
    set_up_app(portal, ada, "ada")
    half = give_password(portal, "ada")
    assert prove(half, "passkey", key.get(second.page(STEP_PAGE))).status_code == 403
    assert half.get("/audit").headers["Location"] == STEP_PAGE


def test_a_counter_that_does_not_grow_is_that_of_a_copy(portal: Portal, bob: Browser) -> None:
    key = SoftKey(counter=5)
    add_passkey(bob, key)
    half = give_password(portal, "bob")
    assert prove(half, "passkey", key.get(half.page(STEP_PAGE))).status_code == 403
    key.counter = 6
    assert prove(half, "passkey", key.get(half.page(STEP_PAGE))).status_code == 303


@pytest.mark.parametrize("answer", ["", "{", "[]", "{}", '{"id": 7}', "[" * 9000, "x" * 30_000])
def test_what_is_no_answer_of_a_passkey_is_refused(
    portal: Portal, bob: Browser, answer: str
) -> None:
    registered = bob.post(
        f"{PAGE}/passkeys", {"name": "x", "answer": answer, "password": "bob-demo"}
    )
    assert registered.status_code == 422
    add_passkey(bob, SoftKey())
    assert prove(give_password(portal, "bob"), "passkey", answer).status_code in (403, 422)


def test_a_key_that_no_signature_fits_is_not_registered(portal: Portal, bob: Browser) -> None:
    answer = SoftKey(point=bytes(32)).create(bob.page(PAGE))  # beside the curve
    refused = bob.post(f"{PAGE}/passkeys", {"name": "x", "answer": answer, "password": "bob-demo"})
    assert refused.status_code == 422


def test_a_registered_passkey_is_not_registered_again(portal: Portal, bob: Browser) -> None:
    key = SoftKey()
    add_passkey(bob, key)
    again = bob.post(
        f"{PAGE}/passkeys",
        {"name": "Again", "answer": key.create(bob.page(PAGE)), "password": "bob-demo"},
    )
    assert again.status_code == 409


def test_one_of_two_factors_is_removed_and_nobody_elses(portal: Portal, bob: Browser) -> None:
    set_up_app(portal, bob, "bob")
    add_passkey(bob, SoftKey())
    passkey = bob.page(PAGE).split(f"{PAGE}/passkeys/", 1)[1].split("/", 1)[0]
    path = f"{PAGE}/passkeys/{passkey}/remove"
    assert portal.browser("ada").post(path, {"password": "ada-demo"}).status_code == 404
    assert bob.post(path, {"password": "bob-demo"}).status_code == 303
    assert data_values(bob.page(PAGE), "passkey-name") == []
    assert data_values(bob.page(PAGE), "codes") == ["10"]


def test_a_portal_at_an_ip_address_offers_no_passkeys(folder: Path) -> None:
    portal = build(settings_of(folder, base_url="http://127.0.0.1:8000"))
    assert data_values(portal.browser("bob").page(PAGE), "no-passkeys") == [""]


# --- required, off, and who else


def test_staff_who_must_have_one_are_led_to_it_and_then_to_where_they_wanted(folder: Path) -> None:
    portal = build(settings_of(folder, second_factor="staff"))
    browser = portal.browser()
    about = {"email": "bob@example.com", "password": "bob-demo", "next": "/desk/board"}
    assert browser.post("/sign-in", about).headers["Location"] == PAGE
    assert browser.get("/desk").headers["Location"] == PAGE
    assert data_values(browser.page(PAGE), "must-enrol") == [""]
    with browser.client.session_transaction() as session:
        session["next"] = "/desk/board"
    set_up_app(portal, browser, "bob")
    assert browser.post(f"{PAGE}/codes/kept").headers["Location"] == "/desk/board"
    assert actions(portal) == [Action.SECOND_FACTOR_ADDED, Action.SIGNED_IN]
    assert browser.post(f"{PAGE}/app/remove", {"password": "bob-demo"}).status_code == 409
    assert portal.browser("alice").get("/tickets").status_code == 200


def test_a_required_factor_also_closes_sessions_from_before(folder: Path) -> None:
    before = build(settings_of(folder))
    bob = before.browser("bob")
    cookie = bob.client.get_cookie("askfirst")
    assert cookie
    after = build(settings_of(folder, second_factor="staff")).browser()
    after.client.set_cookie("askfirst", cookie.value)
    assert after.get("/desk").headers["Location"] == PAGE
    assert after.post("/desk/KB-1001/solve").status_code == 403


def test_customers_have_no_second_factor(alice: Browser) -> None:
    assert alice.get(PAGE).status_code == 403
    assert data_values(alice.page("/account"), "factors") == []


def test_while_it_is_off_nobody_is_asked(folder: Path, portal: Portal, bob: Browser) -> None:
    set_up_app(portal, bob, "bob")
    off = build(settings_of(folder, second_factor="off"))
    off.clock.now = portal.clock.now
    browser = off.browser("bob")
    assert browser.get("/desk").status_code == 200
    assert browser.get(PAGE).status_code == 404


def test_an_administrator_resets_the_factor_of_another(portal: Portal, bob: Browser) -> None:
    set_up_app(portal, bob, "bob")
    ada = portal.browser("ada")
    page = ada.page("/staff")
    assert data_values(page, "factor").count("yes") == 1
    person = portal.centre.accounts.by_email("bob@example.com")
    assert person
    reset = ada.post(f"/staff/{person.id}/reset-factor")
    assert reset.status_code == 303
    assert data_values(ada.page(reset.headers["Location"]), "done") == ["reset"]
    assert bob.get("/desk").headers["Location"].startswith("/sign-in?next=")
    assert give_password(portal, "bob").get("/desk").status_code == 200
    assert notices(portal)[-1] == "factor-reset"
    entry = AuditLog(portal.centre.database).page(limit=2)[1]
    assert (entry.action, entry.target) == (Action.SECOND_FACTOR_RESET, f"person:{person.id}")


def test_nobody_resets_the_own_factor_nor_that_of_a_customer(portal: Portal) -> None:
    ada = portal.browser("ada")
    ids = [portal.centre.accounts.by_email(f"{name}@example.com") for name in ("ada", "alice")]
    statuses = [ada.post(f"/staff/{one.id}/reset-factor").status_code for one in ids if one]
    assert statuses == [422, 404]
