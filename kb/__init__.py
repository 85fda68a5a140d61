"""The core of Askfirst: search, SLAs and tickets, without Flask, Markdown or BeautifulSoup."""

__version__ = "0.1.0"
