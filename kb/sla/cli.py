"""`kb sla`: check a policy file, explain a due time, try another policy.

Each command is one library call and its output. Results go to stdout; the exit code is 0 for good,
1 for findings, 2 for wrong usage.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from kb.centre import HelpCentre
from kb.cli_options import json_option
from kb.errors import Invalid, Misconfigured
from kb.settings import load_settings
from kb.sla import explain
from kb.sla.calendar import BusinessCalendar
from kb.sla.explain import VerdictChange
from kb.sla.open_time import Budget, Derivation, Pause, Span, compact, duration, span_text
from kb.sla.policy import SlaPolicy
from kb.sla.policy_file import load_policy, parse_budget, read_policy
from kb.sla.unread_keys import levels_by_hand, unread_keys
from kb.tickets.catalogue import CATALOGUE_FILE, load_catalogue
from kb.timezones import utc_now
from kb.toml_reader import nearest

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def sla() -> None:
    """Check SLA policies, explain a due time, or try another policy."""


@sla.command("check")
@click.argument("file", type=_FILE, required=False)
@click.pass_context
def check_policy(ctx: click.Context, file: Path | None) -> None:
    """Report every error in a policy FILE (default: the configured one) with its line, and every
    key that nothing reads. The exit code is 1 if there is one.
    """
    if file is None:
        file = load_settings().policies_file
        if not file.exists():
            raise Misconfigured(
                f"Policy file {file} not found. Name one, or set KB_POLICIES or KB_CONTENT."
            )
    try:
        policy, page = read_policy(file)
        catalogue = file.parent / CATALOGUE_FILE
        products = load_catalogue(catalogue).products if catalogue.exists() else None
    except Misconfigured as error:
        click.echo(error.sentence)
        ctx.exit(1)
    keys = None if products is None else [product.key for product in products]
    unread = unread_keys(page, policy, products=keys)
    if unread:
        click.echo("\n".join(unread))
        ctx.exit(1)
    for note in levels_by_hand(page, policy):
        click.echo(note)
    click.echo(f"{file}: no errors; {_contents(policy)}.")


def _contents(policy: SlaPolicy) -> str:
    parts = {"calendar": policy.calendars, "level": policy.levels, "severity": policy.severities}
    counts = [f"{len(values)} {_plural(word, len(values))}" for word, values in parts.items()]
    return (
        f"{', '.join(counts)}, {len(policy.entitlements)} "
        f"{_plural('entitlement', len(policy.entitlements))}"
    )


def _plural(word: str, count: int) -> str:
    if count == 1:
        return word
    return "severities" if word == "severity" else f"{word}s"


@sla.command("explain")
@click.option("--policies", type=_FILE, help="The policy file; default: the configured one.")
@click.option("--ticket", metavar="NUMBER", help="Explain every SLA target of this ticket instead.")
@click.option("--calendar", metavar="NAME", help="The business calendar to count by.")
@click.option(
    "--budget",
    metavar="TIME",
    help="The time budget, such as 8h, 1h30m, 3bd (business days) or 14d.",
)
@click.option("--start", metavar="ISO", help="The start, such as 2026-06-05T09:00:00+02:00.")
@click.option(
    "--pause",
    "pauses",
    multiple=True,
    metavar="FROM/TO",
    help="A period that is not counted; without TO, it has not ended.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the whole calculation as JSON.")
def explain_due_time(
    policies: Path | None,
    ticket: str | None,
    calendar: str | None,
    budget: str | None,
    start: str | None,
    pauses: Sequence[str],
    *,
    as_json: bool,
) -> None:
    """Show when a time budget is used up, and every period that counts or does not count."""
    if ticket is not None:
        _explain_ticket(ticket, as_json=as_json)
        return
    if calendar is None or budget is None or start is None:
        raise click.UsageError("Give --ticket, or --calendar, --budget and --start.")
    hours = _calendar(load_policy(policies or load_settings().policies_file), calendar)
    derivation = hours.add(
        _instant(start, "--start"), _budget(budget), [_pause(text) for text in pauses]
    )
    if as_json:
        click.echo(json.dumps(_json(derivation, hours.zone), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(_lines(derivation, hours.zone)))


def _explain_ticket(number: str, *, as_json: bool) -> None:
    centre = HelpCentre.open(load_settings())
    with contextlib.closing(centre):
        targets, events = centre.desk.history(number, now=utc_now())
    if as_json:
        click.echo(
            json.dumps(
                [explain.target_json(target) for target in targets], indent=2, ensure_ascii=False
            )
        )
        return
    for event in events:
        click.echo(event)
    for target in targets:
        click.echo("\n".join(["", *explain.target_lines(target)]))
    if not targets:
        click.echo("This ticket has no SLA targets.")


@sla.command("dry-run")
@click.option("--policies", required=True, type=_FILE, help="The policy file to try.")
@json_option
@click.pass_context
def dry_run(ctx: click.Context, policies: Path, *, as_json: bool) -> None:
    """Show which SLA results of all tickets would change under other policies. The exit code is 1
    if one would.

    Nothing is written. Tickets keep their levels. Due times that move without changing a result are
    counted.
    """
    other, changed, moved = load_policy(policies), 0, 0
    centre = HelpCentre.open(load_settings())
    with contextlib.closing(centre):
        for number, result in centre.desk.replay(other, now=utc_now()):
            if isinstance(result, str):
                changed += 1
                error = json.dumps({"ticket": number, "error": result})
                click.echo(error if as_json else f"{number}  {result}")
                continue

            verdicts = [change for change in result if change.verdict]
            changed += len(verdicts)
            moved += len(result) - len(verdicts)
            for change in verdicts:
                click.echo(
                    _change_json(number, change) if as_json else _change_line(number, change)
                )
    click.echo(
        f"SLA results that would change: {changed}. Due times that would only move: {moved}.",
        err=as_json,
    )
    ctx.exit(1 if changed else 0)


def _change_line(number: str, change: VerdictChange) -> str:
    dues = f"due {explain.utc_text(change.due_before)} -> {explain.utc_text(change.due_after)}"
    return (
        f"{number}  {change.target} {change.cycle}: {change.before or 'nothing'} -> "
        f"{change.after or 'nothing'} ({dues})"
    )


def _change_json(number: str, change: VerdictChange) -> str:
    dues = {
        "due_before": explain.utc_text(change.due_before),
        "due_after": explain.utc_text(change.due_after),
    }
    values = {
        "ticket": number,
        "target": change.target,
        "cycle": change.cycle,
        "before": change.before,
        "after": change.after,
    }
    return json.dumps(values | dues)


def _calendar(policy: SlaPolicy, name: str) -> BusinessCalendar:
    if name not in policy.calendars:
        raise Invalid(
            f"Calendar {name!r} not found; {nearest(name, policy.calendars)}", field="calendar"
        )
    return policy.calendars[name]


def _budget(text: str) -> Budget:
    budget = parse_budget(text)
    if budget is None:
        raise Invalid(
            f"--budget: {text!r} is not a duration. Write '8h', '1h30m', '3bd' or '14d'.",
            field="budget",
        )
    return budget


def _instant(text: str, option: str) -> dt.datetime:
    try:
        time = dt.datetime.fromisoformat(text)
        if time.tzinfo is not None:
            return time.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        pass
    sentence = (
        f"{option}: {text!r} is not a date and time with an offset. "
        f"Write it like '2026-06-05T09:00:00+02:00'."
    )
    raise Invalid(sentence, field=option.removeprefix("--"))


def _pause(text: str) -> Pause:
    start, slash, end = text.partition("/")
    if not slash:
        raise Invalid(
            f"--pause: {text!r} is not a pause. Write FROM/TO, or FROM/ for an open-ended pause.",
            field="pause",
        )
    return Pause(_instant(start, "--pause"), _instant(end, "--pause") if end else None)


def _json(derivation: Derivation, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "start": explain.local_iso(derivation.start, zone),
        "due": explain.local_iso(derivation.due, zone),
        "used_seconds": derivation.used_seconds,
        "remaining_seconds": derivation.remaining_seconds,
        "budget_seconds": derivation.budget_seconds,
        "spans": [_span(span, zone) for span in derivation.spans],
    }


def _span(span: Span, zone: ZoneInfo) -> dict[str, Any]:
    ends = {"from": explain.local_iso(span.start, zone), "to": explain.local_iso(span.end, zone)}
    return ends | {"state": span.state.value, "why": span.why, "seconds": span.seconds}


def _lines(derivation: Derivation, zone: ZoneInfo) -> list[str]:
    due = (
        f"none, {duration(derivation.remaining_seconds)} of "
        f"{duration(derivation.budget_seconds)} remaining"
    )
    if derivation.due is not None:
        due = explain.local_text(derivation.due, zone)
    head = [f"Start: {explain.local_text(derivation.start, zone)}", f"Due:   {due}"]
    return head + [f"  {span_text(span, zone)}" for span in compact(derivation.spans)]
