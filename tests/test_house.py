"""The house rules, enforced: who imports whom, where SQL lives, names, lines, docstrings.

A rule that does not hold everywhere yet lists the exceptions under its name in ``STILL``. The lists
only shrink: an exception that is no longer needed fails its test.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("kb", "indexer", "webapp")

# Libraries and standard modules are no rooms; the modules below are what everybody may import.
FOUNDATION = frozenset(
    {
        "kb.breaker",
        "kb.disk",
        "kb.errors",
        "kb.ids",
        "kb.temporary_folder",
        "kb.text",
        "kb.timezones",
    }
)
STANDARD_LIBRARY_ONLY = ("kb.errors", "kb.ids", "kb.settings")

#: Room -> the other rooms that it may import. A room is a folder, or a module that stands alone;
#: a module belongs to the longest room that its name begins with. Commands (``cli`` modules) work
#: on the whole help centre and are bound by ``EDGES`` only.
ROOMS: dict[str, frozenset[str]] = {
    "kb.errors": frozenset(),
    "kb.breaker": frozenset(),
    "kb.ids": frozenset(),
    "kb.text": FOUNDATION,
    "kb.timezones": FOUNDATION,
    "kb.disk": FOUNDATION,
    "kb.temporary_folder": FOUNDATION,
    "kb.settings": FOUNDATION,
    "kb.toml_reader": FOUNDATION,
    "kb.ticket_text": FOUNDATION,
    "kb.cli_options": FOUNDATION | {"kb.settings"},
    "kb.database": FOUNDATION | {"kb.settings"},
    "kb.sla": FOUNDATION | {"kb.toml_reader"},
    "kb.notifications": FOUNDATION | {"kb.database", "kb.ticket_text"},
    "kb.people": FOUNDATION | {"kb.database", "kb.notifications", "kb.toml_reader"},
    "kb.analytics": FOUNDATION | {"kb.database"},
    "kb.jobs": FOUNDATION | {"kb.database", "kb.people"},
    # Reads what every noun holds, and nothing but commands and the edges know it.
    "kb.insights": FOUNDATION
    | {
        "kb.analytics",
        "kb.database",
        "kb.notifications",
        "kb.people",
        "kb.search",  # what it learns from visits
        "kb.settings",
        "kb.sla",
        "kb.tickets",
        "kb.tickets.actions",
        "kb.tickets.reports",
        "kb.tickets.repository",
    },
    # Operation looks at the whole installation, and nothing but commands and the edges know it.
    "kb.operations": FOUNDATION
    | {
        "kb.analytics",
        "kb.database",
        "kb.experiments",
        "kb.gaps",
        "kb.mail",
        "kb.notifications",
        "kb.people",
        "kb.privacy",
        "kb.search",
        "kb.search.generations",
        "kb.search.meaning",
        "kb.settings",
        "kb.sla",
        "kb.subscriptions",
        "kb.tickets",
        "kb.tickets.attachments",
        "kb.tickets.repository",
    },
}
ROOMS["kb.subscriptions"] = FOUNDATION | {"kb.database", "kb.notifications", "kb.people"}
_TICKETS = FOUNDATION | {
    "kb.analytics",
    "kb.database",
    "kb.notifications",
    "kb.people",
    "kb.sla",
    "kb.toml_reader",
    "kb.tickets",
}
ROOMS |= {
    "kb.tickets": _TICKETS
    | {
        "kb.tickets.actions",
        "kb.tickets.attachments",
        "kb.tickets.reports",
        "kb.tickets.repository",
    },
    "kb.tickets.actions": _TICKETS | {"kb.tickets.attachments", "kb.tickets.repository"},
    "kb.tickets.attachments": _TICKETS | {"kb.blobs", "kb.settings"},
    "kb.tickets.reports": _TICKETS | {"kb.tickets.repository"},
    "kb.tickets.repository": _TICKETS,
}
# A mail is one more way to file and answer tickets: it knows them, and they do not know it.
ROOMS["kb.mail"] = _TICKETS | {
    "kb.analytics",
    "kb.settings",
    "kb.tickets.actions",
    "kb.tickets.attachments",
    "kb.tickets.repository",
}
ROOMS["kb.gaps"] = FOUNDATION | {
    "kb.analytics",
    "kb.database",
    "kb.insights",
    "kb.people",
    "kb.search",
    "kb.search.build",
    "kb.search.generations",
    "kb.search.meaning",
    "kb.search.query",
    "kb.settings",
    "kb.tickets",
    "kb.tickets.reports",
}
ROOMS["kb.experiments"] = FOUNDATION | {
    "kb.analytics",
    "kb.database",
    "kb.search",
    "kb.search.query",
}
ROOMS["kb.problems"] = FOUNDATION | {
    "kb.database",
    "kb.notifications",
    "kb.people",
    "kb.people.repository",
    "kb.search",  # who sees which audience
    "kb.search.meaning",
    "kb.subscriptions",
    "kb.tickets",
    "kb.tickets.actions",
}
ROOMS["kb.blobs"] = FOUNDATION
#: From the text to the answer; each room knows those before it.
_SEARCH = (
    "kb.search.analysis",
    "kb.search.kernels",
    "kb.search.index",
    "kb.search.meaning",
    "kb.search.query",
    "kb.search.scoring",
    "kb.search.generations",
    "kb.search.engines",
    "kb.search.build",
)
ROOMS |= {
    room: FOUNDATION | {"kb.search", *_SEARCH[:position]} for position, room in enumerate(_SEARCH)
}
ROOMS["kb.programs"] = FOUNDATION | {
    "kb.database",
    "kb.people",
    "kb.search",  # the names of audiences
}
ROOMS["kb.search.query"] |= {"kb.toml_reader"}
ROOMS["kb.search.generations"] |= {"kb.blobs"}
ROOMS["kb.webhooks"] = FOUNDATION | {
    "kb.analytics",
    "kb.database",
    "kb.notifications",
    "kb.people",
    "kb.problems",
    "kb.tickets",
    "kb.tickets.repository",
}
# Whatever is held about a person: it knows the tables of every noun.
ROOMS["kb.privacy"] = FOUNDATION | {
    "kb.analytics",
    "kb.database",
    "kb.experiments",
    "kb.gaps",
    "kb.jobs",
    "kb.mail",
    "kb.notifications",
    "kb.operations",
    "kb.people",
    "kb.problems",
    "kb.programs",
    "kb.subscriptions",
    "kb.tickets",
    "kb.tickets.attachments",
    "kb.tickets.repository",
    "kb.webhooks",
}
ROOMS["kb.site"] = FOUNDATION | {
    "kb.notifications",
    "kb.settings",
    "kb.sla",
    "kb.subscriptions",
    "kb.tickets",
    "kb.toml_reader",
}
_KB = frozenset(room for room in ROOMS if room.startswith("kb."))
_READING = FOUNDATION | {"kb.search", "indexer.findings", "indexer.report"}
#: The web reaches search through ``centre.searcher`` and ``centre.index``, and knows the values
#: that these answer with (``kb.search``: documents, results).
_WEB = (_KB - set(_SEARCH)) | {
    "kb.centre",
    "kb.search",
    "webapp.assets",
    "webapp.context",
    "webapp.formatting",
    "webapp.problems",
    "webapp.query_counter",
    "webapp.security",
}
ROOMS |= {
    "kb.search": FOUNDATION | {*_SEARCH},
    "kb.centre": _KB | {"kb.search"},
    "kb.worker": _KB | {"kb.search", "kb.centre"},
    "indexer.findings": FOUNDATION | {"kb.search.generations"},  # the findings file
    "indexer.report": FOUNDATION | {"indexer.findings"},
    "indexer.readers": _READING | {"indexer.html", "indexer.markdown", "indexer.sources"},
    "indexer.html": _READING | {"indexer.readers"},
    "indexer.markdown": _READING | {"indexer.html", "indexer.readers"},
    "indexer.sources": _READING | {"indexer.readers"},
    "indexer.publish": _READING
    | {
        "kb.centre",
        "kb.database",
        "kb.search.generations",
        "kb.search.query",
        "kb.settings",
        "kb.toml_reader",
    },
    "indexer.lint": _READING
    | {
        "indexer.html",
        "indexer.pipeline",
        "indexer.readers",
        "indexer.sources",
        "kb.search.analysis",
        "kb.search.generations",
    },
    "webapp.admin": _WEB,
    "webapp.agent": _WEB | {"webapp.customer"},
    "webapp.api": _WEB | {"webapp.agent", "webapp.customer", "webapp.status"},
    "webapp.assistants": _WEB | {"webapp.api", "webapp.customer"},
    "webapp.customer": _WEB | {"webapp.status"},
    "webapp.discovery": _WEB,
    # The values of ``centre.index``.
    "webapp.editor": _WEB | {"kb.search.generations", "webapp.customer"},
    "webapp.notifications": _WEB | {"webapp.customer"},
    "webapp.security": _WEB,
    "webapp.mail": _WEB | {"webapp.customer"},
    "webapp.status": _WEB,
}

#: Anything -> what it must not import, by prefix.
EDGES = {
    "kb": ("flask", "markdown", "bs4", "lxml", "webapp", "indexer"),
    "indexer": ("flask", "webapp", "sqlalchemy", "whoosh", "sklearn"),
    "webapp": ("indexer", "whoosh", "sklearn", "sqlalchemy", "markdown", "bs4", "lxml"),
}
#: Library or module -> the only places, by prefix, that know it.
ONLY_IN = {
    "whoosh": ("kb.search.engines.whoosh",),
    # An index is read and written through its engine, which ``installation`` chooses.
    "kb.search.installation": (
        "kb.centre",
        "kb.gaps.effects",
        "kb.operations.doctor",
        "kb.search.cli",
        "kb.search.evaluation",
        "kb.search.searcher",
        "webapp.cli",
        "indexer.cli",
        "indexer.lint.checks",
        "indexer.pipeline",
    ),
    "kb.search.embedded": ("kb.search.installation", "kb.search.engines.opensearch"),
    "opensearchpy": ("kb.search.engines.opensearch.cluster",),
    "kb.search.build.builder": ("kb.search.embedded",),
    "kb.search.generations.generation.Generations": (
        "kb.centre",
        "kb.operations",
        "kb.search.build.builder",
        "kb.search.generations.replicas",
        "kb.search.build.meaning_run",
        "kb.search.embedded",
        "kb.search.engine",
        "kb.search.engines.opensearch",
        "kb.worker.article_news",
        "kb.worker.publication_dates",
    ),
    "kb.search.kernels": (
        "kb.search.embedded",
        "kb.search.index",
        "kb.search.meaning",
        "kb.search.partition",
        "kb.search.query",
        "kb.search.scoring",
        "kb.search.build",
    ),
    "numba": ("kb.search.kernels",),
    "flask": ("webapp",),
    "mcp": ("webapp.assistants.mcp_server",),
    "httpx2": ("webapp.assistants",),
    "prometheus_client": ("kb.operations.metrics",),
    "jwt": ("kb.people.oidc", "kb.programs.host_tokens"),
    "fido2": ("kb.people.second_factor.passkeys",),
    "segno": ("webapp.customer.second_factor",),
    "kb.centre": (
        "kb.cli",
        "kb.worker",
        "kb.insights.cli",
        "kb.mail.cli",
        "kb.people.cli",
        "kb.sla.cli",
        "webapp",
        "indexer.cli",
        "indexer.publish.feedback",
    ),
    "sqlalchemy": (
        "kb.analytics.deflection",
        "kb.analytics.query_log",
        "kb.analytics.tables",
        "kb.insights",
        "kb.database",
        "kb.experiments.repository",
        "kb.experiments.tables",
        "kb.operations.database_move",
        "kb.gaps.flags",
        "kb.gaps.repository",
        "kb.gaps.tables",
        "kb.gaps.waiting_proposals",
        "kb.jobs.index_runs",
        "kb.jobs.tables",
        "kb.mail.mailed_tickets",
        "kb.mail.repository",
        "kb.mail.tables",
        "kb.notifications.outbox",
        "kb.notifications.queue",
        "kb.notifications.tables",
        "kb.operations.audit",
        "kb.operations.heartbeats",
        "kb.operations.retention",
        "kb.operations.tables",
        "kb.people.repository",
        "kb.people.tables",
        "kb.privacy",
        "kb.problems.repository",
        "kb.problems.tables",
        "kb.programs.repository",
        "kb.programs.tables",
        "kb.webhooks.feed",
        "kb.webhooks.repository",
        "kb.webhooks.tables",
        "kb.subscriptions",
        "kb.tickets.attachments.unfinished",
        "kb.tickets.reports",
        "kb.tickets.repository",
        "kb.tickets.staff.repository",
        "kb.tickets.tables",
    ),
    "sqlalchemy.dialects": ("kb.database.postgresql", "kb.database.sqlite"),
    "boto3": ("kb.blobs.s3",),
    "botocore": ("kb.blobs.s3",),
    "psycopg": ("kb.database.postgresql",),
    # An index generation keeps its documents in a file of this format, and a data dump is sorted
    # in one; neither has to do with the configured database.
    "sqlite3": (
        "kb.database.sqlite",
        "kb.search.index.earlier_store",
        "indexer.readers.forums.stackexchange",
    ),
}
#: What only SQLite understands stands in these modules, by prefix.
SQLITE_ONLY_IN = (
    "kb.database.metadata",  # an option of an index, beside the one of PostgreSQL
    "kb.database.sqlite",
    "kb.tickets.repository.fulltext.sqlite",
    "kb.search.index.earlier_store",
    "indexer.readers.forums.stackexchange",
)
SQLITE = re.compile(
    r"\b(PRAGMA|fts5|json_each|group_concat|BEGIN IMMEDIATE|sqlite_where|sqlite_master)\b", re.I
)

MODULES_IN_A_FOLDER = 15
PUBLIC_METHODS = 20
#: Short forms of the lists of needs, decisions and questions that this product was planned with.
NOTES = re.compile(
    r"\b[BVX][0-9]{1,2}\b|\b[Gg]oals? S[0-9]|\b\w+\.md [0-9]+(\.[0-9]+)*\b"
    r"|\b[Cc]apabilit(y|ies) [A-Z]?[0-9]|\b[Ff]eature ([0-9]|\")|\bquestion [A-Z][0-9]"
    # Folders beside the repository, which only those who planned it have.
    r"|\.\./shared/(data|design)\b"
)
#: The one list of such needs that is in the repository.
CAPABILITIES = ROOT / "tests" / "stories" / "capabilities.toml"
OF_OTHERS = re.compile(r"\bX11\b|\bX509\b")

#: Rule -> where it does not hold yet: folders, modules, or "importer -> imported".
STILL: dict[str, frozenset[str]] = {
    "rooms": frozenset(),
    "only in": frozenset(),
    "sqlite": frozenset(),
    "folder size": frozenset(),
    "class size": frozenset(),
    "base class": frozenset(),
    "public names": frozenset(),
    "notes": frozenset(),
    "python lines": frozenset(),
    "template lines": frozenset(),
    "docstrings": frozenset(),
}


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def python_files(*packages: str) -> list[Path]:
    return sorted(
        path
        for package in packages
        for path in (ROOT / package).rglob("*.py")
        if not is_hidden(path)
    )


def is_hidden(path: Path) -> bool:
    """Whether a folder such as ``bench/.cache``, which holds other people's code, is on its way."""
    return any(part.startswith(".") for part in path.relative_to(ROOT).parts)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


#: What stands on its own once it was released is not held to the rules of today.
FILES = [path for path in python_files(*PACKAGES) if "migrations" not in path.parts]
EVERYTHING = python_files(*PACKAGES, "tests", "bench")
MODULES = {module_of(path): path for path in FILES}


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


def within_any(name: str, prefixes: Iterable[str]) -> bool:
    return any(within(name, prefix) for prefix in prefixes)


def room_of(module: str) -> str | None:
    return max((room for room in ROOMS if within(module, room)), key=len, default=None)


def folder_of(path: Path) -> str:
    """The folder that an exception names: a package's, at most two levels deep."""
    parts = path.relative_to(ROOT).parts[:-1]
    return "/".join(parts[: 3 if parts[:2] == ("kb", "search") else 2])


def assert_rule(rule: str, offences: Iterable[tuple[str, str]]) -> None:
    """Fails for each offence (who, sentence) of somebody who is no exception to the rule, and for
    each exception without an offence.
    """
    by_offender = defaultdict(list)
    for offender, sentence in offences:
        by_offender[offender].append(sentence)
    exceptions = STILL[rule]
    new = chain.from_iterable(
        sentences for offender, sentences in by_offender.items() if offender not in exceptions
    )
    stale = (
        f"{exception!r} keeps the rule now: remove it from STILL[{rule!r}]"
        for exception in sorted(exceptions - set(by_offender))
    )
    broken = [*new, *stale]
    assert not broken, "\n" + "\n".join(broken)


# --- who imports whom


def test_a_room_imports_only_the_rooms_that_it_may() -> None:
    offences = []
    for module, path in MODULES.items():
        room = room_of(module)
        if room is None or module.rpartition(".")[2] == "cli":
            continue
        for line, name in imports_of(path):
            target = room_of(name)
            if target not in (None, room, *ROOMS[room]):
                offences.append((f"{room} -> {target}", f"{path}:{line}: {room} imports {name}"))
    assert_rule("rooms", offences)


def test_packages_and_libraries_are_known_only_where_they_belong() -> None:
    offences = []
    for module, path in MODULES.items():
        for line, name in imports_of(path):
            if any(
                within(module, package) and within_any(name, banned)
                for package, banned in EDGES.items()
            ):
                offences.append((module, f"{path}:{line}: {module} must not import {name}"))
            offences += [
                (module, f"{path}:{line}: only {', '.join(places)} may import {library}")
                for library, places in ONLY_IN.items()
                if within(name, library) and not within_any(module, (*places, library))
            ]
            if (
                module in STANDARD_LIBRARY_ONLY
                and name.split(".")[0] not in sys.stdlib_module_names
                and not within(name, "kb.errors")
            ):
                offences.append((module, f"{path}:{line}: {module} imports {name}"))
    assert_rule("only in", offences)


def test_what_only_sqlite_understands_stays_in_its_rooms() -> None:
    offences = [
        (module, f"{path}:{number}: {match[0]} is SQLite's")
        for module, path in MODULES.items()
        if not within_any(module, SQLITE_ONLY_IN)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if (match := SQLITE.search(line))
    ]
    assert_rule("sqlite", offences)


def test_nobody_takes_the_data_folder_for_the_database() -> None:
    """With ``KB_DATABASE`` it is elsewhere: ``Settings.database_location`` knows."""
    functions = "open_database|database_exists|is_up_to_date|record_command"
    wrong = re.compile(rf"({functions})\(\s*settings\.data\b")
    offences = [path for path in FILES if wrong.search(path.read_text("utf-8"))]
    assert offences == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    arrows = {
        module: {
            target
            for _, name in imports_of(path)
            for target in (name, name.rpartition(".")[0])
            if target in MODULES
        }
        - {module}
        for module, path in MODULES.items()
    }
    finished: set[str] = set()

    def walk(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join((*way[way.index(module) :], module))
        if module not in finished:
            for target in sorted(arrows[module]):
                walk(target, (*way, module))
            finished.add(module)

    for module in sorted(arrows):
        walk(module, ())


# --- sizes


def test_a_folder_has_at_most_fifteen_modules() -> None:
    sizes = Counter(path.parent for path in FILES if path.name != "__init__.py")
    assert_rule(
        "folder size",
        (
            (folder.relative_to(ROOT).as_posix(), f"{folder} has {count} modules")
            for folder, count in sizes.items()
            if count > MODULES_IN_A_FOLDER
        ),
    )


def classes() -> Iterator[tuple[str, ast.ClassDef]]:
    for module, path in MODULES.items():
        yield from (
            (module, node) for node in ast.walk(tree_of(path)) if isinstance(node, ast.ClassDef)
        )


def test_a_class_has_at_most_twenty_public_methods() -> None:
    offences = []
    for module, node in classes():
        names = [
            member.name
            for member in node.body
            if isinstance(member, ast.FunctionDef) and not member.name.startswith("_")
        ]
        if len(names) > PUBLIC_METHODS:
            offences.append((f"{module}.{node.name}", f"{module}.{node.name} has {len(names)}"))
    assert_rule("class size", offences)


def test_a_class_of_ours_is_no_base_of_another() -> None:
    """Errors and protocols may be; a class is never cut into a base and the rest."""
    ours: dict[str, list[ast.ClassDef]] = defaultdict(list)
    for _, node in classes():
        ours[node.name].append(node)
    offences = [
        (f"{module}.{node.name}", f"{module}.{node.name} inherits {base.id}")
        for module, node in classes()
        for base in node.bases
        if isinstance(base, ast.Name) and base.id in ours and module != "kb.errors"
        if base.id != "KbError"
        if not any("Protocol" in ast.unparse(known) for cls in ours[base.id] for known in cls.bases)
    ]
    assert_rule("base class", offences)


# --- words


def public_names(path: Path) -> Iterator[str]:
    for node in tree_of(path).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [
                part.id
                for target in node.targets
                for part in ast.walk(target)
                if isinstance(part, ast.Name)
            ]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        else:
            continue
        yield from (name for name in names if not name.startswith("_"))


def test_a_public_name_means_one_thing_in_kb() -> None:
    homes: dict[str, set[Path]] = defaultdict(set)
    for path in FILES:
        if path.relative_to(ROOT).parts[0] == "kb":
            for name in public_names(path):
                homes[name].add(path)
    offences = [
        (folder_of(path), f"{name} stands in {', '.join(sorted(map(module_of, paths)))}")
        for name, paths in sorted(homes.items())
        for path in sorted(paths)
        if len(paths) > 1 and name != "LOG"  # each module's logger
    ]
    assert_rule("public names", offences)


def test_no_text_points_to_notes_outside_the_repository() -> None:
    texts = [
        path
        for package in (*PACKAGES, "tests", "bench", "content")
        for path in sorted((ROOT / package).rglob("*"))
        if not is_hidden(path)
        and path.suffix in {".py", ".md", ".toml", ".html", ".js", ".css", ".yaml", ".yml"}
        and path not in (Path(__file__), CAPABILITIES)
    ]
    offences = [
        (folder_of(path), f"{path}:{number}: {match[0]}")
        for path in texts
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        for match in NOTES.finditer(line)
        if not OF_OTHERS.match(match[0]) and not re.search(r"<path|noqa|\bd=\"", line)
    ]
    assert_rule("notes", offences)


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(tree_of(path)), f"{path} does not say what it is for"


def test_a_docstring_of_a_module_or_package_has_more_than_one_word() -> None:
    offences = []
    for path in EVERYTHING:
        words = (ast.get_docstring(tree_of(path)) or "").split()
        if len(words) == 1:
            offences.append((folder_of(path), f"{path}: says only {words[0]!r}"))
    assert_rule("docstrings", offences)


def test_a_dotted_name_in_a_docstring_leads_somewhere() -> None:
    offences = []
    for module, path in MODULES.items():
        for name in re.findall(
            rf"``((?:{'|'.join(PACKAGES)})(?:\.\w+)+)(?:\(\))?``", path.read_text("utf-8")
        ):
            home = max((known for known in MODULES if within(name, known)), key=len)
            member = name.removeprefix(home).removeprefix(".").partition(".")[0]
            if member and member not in public_names(MODULES[home]):
                offences.append((module, f"{path}: there is no {name}"))
    assert_rule("docstrings", offences)


def test_a_docstring_of_a_module_is_a_statement() -> None:
    offences = []
    for path in EVERYTHING:
        first = re.split(r"(?<=[.?!])\s", ast.get_docstring(tree_of(path)) or "", maxsplit=1)[0]
        if first.endswith("?"):
            offences.append((folder_of(path), f"{path}: {first}"))
    assert_rule("docstrings", offences)


# --- lines


def test_lines_of_python_have_at_most_a_hundred_columns() -> None:
    offences = []
    for path in EVERYTHING:
        text = path.read_text("utf-8")
        if "# ruff: noqa: E501" in text:  # says why, on the same line
            continue
        for number, line in enumerate(text.splitlines(), 1):
            code = re.sub(r"  # (noqa|type: ignore).*", "", line)
            if len(code) > 100 and not unbreakable(code):
                offences.append((folder_of(path), f"{path}:{number}: {len(code)} columns"))
    assert_rule("python lines", offences)


def test_lines_of_templates_have_at_most_120_columns() -> None:
    offences = [
        (path.relative_to(ROOT).as_posix(), f"{path}:{number}: {len(line)} columns")
        for path in sorted((ROOT / "webapp" / "templates").rglob("*.*"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if len(line) > 120 and not unbreakable(line)
    ]
    assert_rule("template lines", offences)


def unbreakable(line: str) -> bool:
    """Whether one word without a space, such as an address, takes up most of the line, or the line
    draws an icon.
    """
    return max(map(len, line.split())) > 70 or bool(re.search(r"<(path|svg|circle)\b", line))


# --- the page that describes the house


def test_every_path_that_the_architecture_names_exists() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    paths = re.findall(r"`((?:kb|indexer|webapp|tests|bench|content)/[\w./-]*)`", page)
    assert len(paths) > 20
    missing = [
        path for path in paths if not (ROOT / path).exists() and not (ROOT / f"{path}.py").exists()
    ]
    assert not missing
    assert len(page.splitlines()) <= 150
