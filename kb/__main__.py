"""`python -m kb`: the same as `kb`, for programs that know which Python they run under."""

from __future__ import annotations

from kb.cli import main

if __name__ == "__main__":  # processes that read files import this module again
    main()
