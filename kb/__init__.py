"""The core of Askfirst: search, promises and tickets. Knows no Flask, no Markdown, no
BeautifulSoup.
"""

__version__ = "0.1.0"
