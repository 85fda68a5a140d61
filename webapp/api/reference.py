"""The reference of the API as a page: what /openapi.json says, without scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Blueprint, render_template

blueprint = Blueprint("reference", __name__)

_FILE = Path(__file__).parent / "openapi.json"


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of a body or an answer."""

    name: str
    kind: str
    required: bool
    text: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address, as the page shows it."""

    id: str
    method: str
    path: str
    summary: str
    text: str
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    answer: tuple[Field, ...]
    statuses: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    text: str
    operations: tuple[Operation, ...]


def description(keys: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """What /openapi.json answers, without the address of this portal.

    ``keys`` are those of the site's policies by noun: a schema with the mark ``x-site`` takes them.
    """

    def with_keys(schema: dict[str, Any]) -> dict[str, Any]:
        noun = schema.pop("x-site", None)
        return schema | {"enum": list(keys[noun])} if noun in keys else schema

    return dict(json.loads(_FILE.read_text(encoding="utf-8"), object_hook=with_keys))


@blueprint.get("/developers/api")
def show() -> str:
    return render_template("customer/api_reference.html", groups=_groups())


@lru_cache(1)
def _groups() -> tuple[Group, ...]:
    told = description({})
    return tuple(
        Group(
            tag["name"],
            tag["description"],
            tuple(each for name, each in _operations(told) if name == tag["name"]),
        )
        for tag in told["tags"]
    )


def _operations(told: Mapping[str, Any]) -> Iterator[tuple[str, Operation]]:
    """Each operation with the name of its group."""
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            yield (
                operation.get("tags", [told["tags"][-1]["name"]])[0],
                Operation(
                    operation["operationId"],
                    method.upper(),
                    path,
                    operation["summary"],
                    operation.get("description", ""),
                    tuple(_parameter(told, each) for each in operation.get("parameters", ())),
                    _fields_of(told, operation.get("requestBody", {})),
                    _answer(told, operation["responses"]),
                    tuple(_statuses(told, operation["responses"])),
                ),
            )


def _parameter(told: Mapping[str, Any], parameter: Mapping[str, Any]) -> Field:
    kind = _kind(told, parameter["schema"])
    return Field(
        parameter["name"],
        kind,
        parameter["required"],
        parameter.get("description", ""),
        parameter["in"],
    )


def _answer(told: Mapping[str, Any], responses: Mapping[str, Any]) -> tuple[Field, ...]:
    """The fields of the answer to a request that succeeds."""
    done = [response for status, response in responses.items() if status[0] == "2"]
    return _fields_of(told, done[0]) if done else ()


def _fields_of(told: Mapping[str, Any], message: Mapping[str, Any]) -> tuple[Field, ...]:
    media = message.get("content", {}).get("application/json")
    schema = _resolved(told, media["schema"]) if media else {}
    required = schema.get("required", ())
    return tuple(
        Field(
            name,
            _kind(told, each),
            name in required,
            _resolved(told, each).get("description", ""),
        )
        for name, each in schema.get("properties", {}).items()
    )


def _statuses(told: Mapping[str, Any], responses: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for status, response in responses.items():
        if status != "default":
            yield status, _resolved(told, response)["description"]


def _resolved(told: Mapping[str, Any], value: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in value:
        return value
    found: Any = told
    for part in value["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def _kind(told: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """The type of a value in a few words, such as "list of ListedTicket"."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_kind(told, each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(str(each) for each in schema["enum"] if each != "")
    kinds = schema.get("type", "any")
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    words = []
    for kind in kinds:
        if kind == "array":
            words.append(f"list of {_kind(told, schema.get('items', {}))}")
        elif kind == "string" and "format" in schema:
            words.append(schema["format"])
        else:
            words.append(kind)
    return " or ".join(words)
