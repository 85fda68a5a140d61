"""The API keeps what /openapi.json says: schemathesis asks each address for what is allowed and for
what is not, within bounds.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from tests.webapp.security.test_keys import PERSONAL, key_of
from tests.webapp.world import Portal, build, settings_of

DESCRIPTION = json.loads(
    (Path(__file__).parents[3] / "webapp/api/openapi.json").read_text(encoding="utf-8")
)
OPERATIONS = [
    f"{method.upper()} {path}"
    for path, methods in DESCRIPTION["paths"].items()
    for method in methods
]
EXAMPLES = 8  # of each operation and mode
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
#: Operations that may refuse what their schema allows, with 422, and what no schema can say.
OF_THE_SITE = {
    "GET /api/v1/promise": "whose a coupon is, and whether it is used up",
    "POST /api/v1/tickets": "coupons, the site's own fields, a title without invisible letters",
    "POST /api/v1/proposals": "as of a ticket",
    "GET /api/v1/changes": "which position nobody has reached",
    "GET /api/v1/articles": "what was given as a cursor",
    "GET /api/v1/sections": "what was given as a cursor",
    "GET /api/v1/tickets": "what was given as a cursor",
    "GET /api/v1/queue": "who is an agent, which fields are searchable, cursors",
}
CONFIG = schemathesis.Config.from_dict(
    {
        "operations": [
            {
                "include-name": list(OF_THE_SITE),
                "checks": {
                    "positive_data_acceptance": {
                        "expected-statuses": ["2xx", "401", "403", "404", "409", "412", "422"]
                    }
                },
            }
        ]
    }
)


@pytest.fixture
def portal(folder: Path) -> Portal:
    return build(
        settings_of(
            folder, suggest_per_minute="100000", tickets_per_hour="10000", secret_key="k" * 32
        )
    )


@pytest.mark.parametrize("label", OPERATIONS)
def test_an_operation_is_as_it_is_described(portal: Portal, label: str) -> None:
    schema = schemathesis.openapi.from_wsgi("/openapi.json", portal.app, config=CONFIG)
    method, path = label.split()
    operation = schema[path][method]
    headers = {"Authorization": f"Bearer {key_of(portal, 'ada', *PERSONAL)}"}

    def ask(case: Any) -> None:
        case.call_and_validate(headers=headers)

    for mode in MODES:
        strategy = operation.as_strategy(generation_mode=mode)
        bounded = settings(
            max_examples=EXAMPLES, derandomize=True, suppress_health_check=list(HealthCheck)
        )
        with contextlib.suppress(Unsatisfiable):  # nothing can be wrong where nothing is sent
            bounded(given(case=strategy)(ask))()
