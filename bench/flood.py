"""How many mails the portal can be made to send to people who never asked for one.

    python -m bench.flood [--hours 4]

A guest, and then a customer, files a ticket with ten copies and resolves and reopens it until the
portal refuses. Portal, worker and SMTP server are real. Prints the mails for each recipient and
hour, beside what the same script sent before copies were asked and mails had caps.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.webapp.flood import STRANGERS, file_with_strangers, flood_of, ping_pong
from tests.webapp.world import OPEN, publish, settings_of

#: Mails to each of the ten strangers in the first hour, measured before this was mended: resolving
#: had no rate, so that only reopening was refused in the end.
BEFORE = {"guest": 60, "customer": 60}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--hours", type=int, default=4)
    hours = parser.parse_args().hours
    print("| requester | accepted turns | recipient | before, 1st hour | now, by hour |")
    print("|---|---|---|---|---|")
    for name in BEFORE:
        with tempfile.TemporaryDirectory() as folder, flood_of(Path(folder)) as flood:
            publish(settings_of(Path(folder)).data)
            browser = flood.portal.browser("alice" if name == "customer" else "")
            turns = ping_pong(browser, file_with_strangers(browser))
            flood.send(hours)
            for stranger in STRANGERS:
                counts = " ".join(str(hour[stranger]) for hour in flood.hours)
                print(f"| {name} | {turns} | {stranger} | {BEFORE[name]} | {counts} |")
            OPEN.pop().close()


if __name__ == "__main__":
    main()
