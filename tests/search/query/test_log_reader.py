from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.search.query.log_reader import MAX_LOG_LENGTH, read_pasted, searched

LOGS = {
    "python": (
        """2026-11-29 10:00:01,123 INFO worker started
Traceback (most recent call last):
  File "/srv/app/main.py", line 12, in <module>
    connect(host)
  File "/srv/app/db.py", line 88, in connect
    raise ConnectionError(f"cannot reach {host}")
ConnectionError: cannot reach db.internal
2026-11-29 10:00:02,001 INFO worker stopped
""",
        "ConnectionError: cannot reach db.internal",
    ),
    "java": (
        """Nov 29 10:00:01 host app[312]: Starting PaymentService v2.3.1
Exception in thread "main" java.lang.IllegalStateException: Failed to load ApplicationContext
\tat org.example.Loader.load(Loader.java:132)
\tat org.example.Main.main(Main.java:10)
Caused by: java.net.BindException: Address already in use
\tat java.base/sun.nio.ch.Net.bind0(Native Method)
\t... 12 more
""",
        "Caused by: java.net.BindException: Address already in use",
    ),
    "npm": (
        """npm warn deprecated glob@7.2.3: no longer supported
added 312 packages in 8s
npm error code ERESOLVE
npm error ERESOLVE unable to resolve dependency tree
npm error A complete log of this run can be found in: /root/.npm/_logs/x.log
""",
        "npm error ERESOLVE unable to resolve dependency tree",
    ),
    "compiler": (
        """   Compiling serde v1.0.200
   Compiling shop v0.1.0 (/home/ci/shop)
error[E0382]: borrow of moved value: `cart`
  --> src/main.rs:14:20
   |
14 |     println!("{:?}", cart);
   |                      ^^^^ value borrowed here after move
error: could not compile `shop` (bin "shop") due to 1 previous error
""",
        "error[E0382]: borrow of moved value: `cart`",
    ),
    "typescript": (
        """> tsc --noEmit

src/cart.ts(12,7): error TS2322: Type 'string' is not assignable to type 'number'.
Found 1 error in src/cart.ts:12
""",
        "src/cart.ts(12,7): error TS2322: Type 'string' is not assignable to type 'number'.",
    ),
    "web server": (
        """172.18.0.1 - - [29/Nov/2026:10:00:01 +0000] "GET / HTTP/1.1" 200 612
2026/11/29 10:00:02 [error] 31#31: *7 connect() failed (111: Connection refused) to upstream
172.18.0.1 - - [29/Nov/2026:10:00:03 +0000] "GET / HTTP/1.1" 502 157
""",
        "connect() failed (111: Connection refused)",
    ),
    "database": (
        """SQL*Plus: Release 19.0.0.0.0 - Production
Connecting to ORCL ...
ERROR:
ORA-12541: TNS:no listener
""",
        "ORA-12541: TNS:no listener",
    ),
    "git": (
        """Enumerating objects: 5, done.
Counting objects: 100% (5/5), done.
remote: Resolving deltas: 100% (2/2), done.
fatal: unable to access 'https://example.org/a.git/': SSL certificate problem: no issuer
""",
        "SSL certificate problem",
    ),
    "a program and its complaint": (
        """Using library Wire at version 1.0 in folder: C:\\Program Files
avrdude: Version 6.3-20190619
avrdude: ser_open(): can't set com-state for "COM4"
An error occurred while uploading the sketch
""",
        "avrdude: ser_open(): can't set com-state for",
    ),
    "shell": (
        """+ mkdir -p /srv/app
mkdir: cannot create directory '/srv/app': Permission denied
hint: see the manual if it is not allowed
""",
        "mkdir: cannot create directory",
    ),
    "go": (
        """=== RUN   TestCart
panic: runtime error: index out of range [3] with length 3

goroutine 7 [running]:
main.total(0xc000012345)
\t/home/ci/shop/cart.go:31 +0x1d
exit status 2
""",
        "panic: runtime error: index out of range [3] with length 3",
    ),
}


@pytest.mark.parametrize("name", LOGS)
def test_the_line_that_says_what_went_wrong_is_looked_for(name: str) -> None:
    log, line = LOGS[name]
    pasted = read_pasted(log)
    assert pasted.line is not None
    assert line in pasted.line


@pytest.mark.parametrize("name", LOGS)
def test_noise_before_and_after_changes_nothing(name: str) -> None:
    log, _ = LOGS[name]
    before = "".join(
        f"2026-11-29T10:00:{n % 60:02}Z INFO Downloading part {n}\n" for n in range(900)
    )
    after = "INFO Finished\n" * 900
    assert read_pasted(before + log + after).line == read_pasted(log).line


def test_places_addresses_and_the_severity_are_not_searched_for() -> None:
    line = "src/a.py:3:1: error: Name 'x' at 0x7fd3a1c2 is not defined [name-defined]"
    assert searched(line) == "Name 'x' at is not defined [name-defined]"
    assert searched("/var/log/app/today.log: Disk full") == "Disk full"


def test_the_code_in_a_note_below_the_message_is_searched_for() -> None:
    log = """error: used import from `alloc` instead of `core`
 --> src/db/pool.rs:66:9
 = note: `-D clippy::alloc-instead-of-core` implied by `-D warnings`
"""
    assert read_pasted(log).query.endswith("alloc-instead-of-core")


@pytest.mark.parametrize(
    "text",
    [
        "i cant log in",
        "error ORA-12541",
        "Dear support,\nsince Monday my press is loud.\nThe cover is closed.\nRegards, Alice",
        "😀😀😀",
        "Hello,\n\nthe page (`top-up-card`) does not say where AB12 is.\nIt must be missing.\n" * 9,
        "\n\n",
        "",
    ],
)
def test_what_is_not_a_log_is_searched_as_it_is(text: str) -> None:
    pasted = read_pasted(text)
    assert (pasted.query, pasted.line) == (text, None)


def test_a_log_on_one_line_is_divided_where_entries_begin() -> None:
    log = "   ".join(["INFO Downloading part"] * 9000) + "   ERROR: The disk is full   INFO Bye"
    pasted = read_pasted(log)
    assert pasted.line == "ERROR: The disk is full"


def test_the_beginning_and_the_end_of_a_megabyte_are_read() -> None:
    noise = "INFO Downloading part\n" * (MAX_LOG_LENGTH // 10)
    assert read_pasted(f"ERROR: The disk is full\n{noise}").line == "ERROR: The disk is full"
    assert read_pasted(f"{noise}ERROR: The disk is full").line == "ERROR: The disk is full"


@given(
    st.lists(
        st.sampled_from((*" \n\t:[]()'`/\\.-_=|^#", "error", "at ", "a.b", "0x", "12:00:00 ", "é")),
        max_size=60,
    ).map(lambda parts: "".join(parts) * 30)
)
def test_any_text_can_be_read(text: str) -> None:
    pasted = read_pasted(text)
    assert isinstance(pasted.query, str)
    assert pasted.line is None or pasted.line.strip()
