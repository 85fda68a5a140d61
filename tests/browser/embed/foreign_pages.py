"""Forms of other sites as they are in the world, each with what is special about it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from webapp.embed_cli import LOADER

TAG = '<script src="{portal}/embed.js" data-input="#subject" async></script>'
#: As `kb embed snippet` prints it.
INLINE = f'<script data-src="{{portal}}/embed.js" data-input="#subject">{LOADER}</script>'
FIELD = '<label for="subject">Subject</label> <input id="subject" name="subject">'
FORM = f'<form action="/sent">{FIELD} <button>Send</button></form>'
CALM = "*{transition:none}body{font-family:serif}"


def page(
    form: str = FORM, *, tag: str = TAG, style: str = CALM, head: str = "", html: str = 'lang="en"'
) -> str:
    return f"""<!doctype html><html {html}><head><meta charset="utf-8"><title>Shop</title>
<meta name="viewport" content="width=device-width"><style>{style}</style>{head}</head>
<body><main><h1>Contact us</h1>{form}<p id="after">We answer within a day.</p></main>
{tag}</body></html>"""


def script(body: str) -> str:
    return f"<script>{body}</script>"


#: A form of React that does not know of the embed, and mounts its field again when asked to.
REACT_FORM = """
import { useState } from "react";
import { createRoot } from "react-dom/client";
function Form() {
  const [subject, setSubject] = useState("");
  const [round, setRound] = useState(0);
  return <form action="/sent">
    <label htmlFor="subject">Subject </label>
    <input id="subject" name="subject" key={round} value={subject}
      onChange={(event) => setSubject(event.target.value)} />
    <button>Send</button>
    <button type="button" id="again" onClick={() => setRound(round + 1)}>Again</button>
  </form>;
}
const mount = () => createRoot(document.getElementById("root")).render(<Form />);
"""
_IN_SHADOW = """
const root = document.getElementById("host").attachShadow({mode: MODE});
root.innerHTML = `FORM`;
AFTER
""".replace("FORM", FORM)

PAGES: Mapping[str, str] = MappingProxyType(
    {
        "plain": page(),
        "element": page(
            FORM + '<askfirst-suggest for="subject"></askfirst-suggest>',
            tag='<script src="{portal}/embed.js" async></script>',
        ),
        "two tags": page(
            FORM.replace("subject", "other").replace("Subject", "Other") + FORM,
            tag=TAG + TAG.replace("#subject", "#other"),
        ),
        "label around it": page(
            '<form action="/sent"><label>Subject <input id="subject" name="subject"></label>'
            "<button>Send</button></form>"
        ),
        "flex row": page(style=CALM + "form{display:flex;gap:8px;align-items:stretch}"),
        "grid": page(style=CALM + "form{display:grid;grid-template-columns:1fr 2fr 1fr;gap:8px}"),
        "clipped": page(
            style=CALM + "form{overflow:hidden;height:3em;transform:translateX(3px)}"
            "main>*+*{margin-top:7px}"
        ),
        "textarea": page(
            FORM.replace(
                '<input id="subject" name="subject">',
                '<textarea id="subject" name="subject" rows="2"></textarea>',
            )
        ),
        "late": page(
            '<div id="root"></div>',
            tag=TAG
            + script(
                "setTimeout(() => { root.innerHTML = document.getElementById('later').innerHTML; }"
                f", 300)</script><template id=later>{FORM}</template><script>"
            ),
        ),
        "in a modal": page(
            '<button type="button" id="show">Contact</button>'
            f'<dialog aria-label="Contact"><h2>Contact</h2>{FORM}</dialog>'
            + script("show.onclick = () => document.querySelector('dialog').showModal()")
        ),
        "shadow": page(
            '<div id="host"></div>'
            + script(_IN_SHADOW.replace("MODE", '"open"').replace("AFTER", ""))
        ),
        "tag manager": page(
            tag=script(
                "const tag = document.createElement('script'); tag.async = true;"
                "tag.src = '{portal}/embed.js'; tag.dataset.input = '#subject';"
                "setTimeout(() => document.head.append(tag), 100)"
            )
        ),
        "at once": page(tag="", head=TAG.replace(" async", "")),
        "inline": page(tag=INLINE),
        "two inline tags": page(
            FORM.replace("subject", "other").replace("Subject", "Other") + FORM,
            tag=INLINE.replace("#subject", "#other") + INLINE,
        ),
        "rude styles": page(
            style=CALM + "*{box-sizing:content-box}div{margin:40px!important;display:inline-block}"
            "main div,body div{float:left;color:silver;text-transform:uppercase;width:33px}"
        ).replace("!important", ""),
        "right to left": page(
            FORM.replace("Subject", "موضوع").replace("Send", "إرسال"), html='lang="ar" dir="rtl"'
        ).replace("Contact us", "اتصل بنا"),
        "dark": page(
            style=CALM + "html{background:#111;color:#eee}input,button{background:#222;color:#eee}"
        ),
        "modern colours": page(
            style=CALM + "body{background:oklch(0.98 0.02 95);color:oklch(0.25 0.02 95)}"
            "input{background:transparent;color:inherit}"
        ),
    }
)
STRICT = (
    "default-src 'none'; script-src {portal}; connect-src {portal}; form-action 'self';"
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
#: With a strict policy a page has no inline script or style.
STRICT_PAGE = page(style="").replace("<style></style>", "")
FRAME = page(tag="")
FRAMED = page('<iframe src="/framed" title="Form" width="700" height="400"></iframe>')
CLOSED_SHADOW = page(
    '<div id="host"></div>'
    + script(
        _IN_SHADOW.replace("MODE", '"closed"').replace(
            "AFTER",
            "window.secret = root; document.addEventListener('askfirst:ready', () => "
            "askfirst.attach(root.getElementById('subject')));",
        )
    ),
    tag='<script src="{portal}/embed.js" async></script>',
)


#: When React renders its form, seen from the embed.
REACT_ORDERS: Mapping[str, str] = MappingProxyType(
    {
        "embed first": "document.addEventListener('askfirst:ready', mount);",
        "react first": "mount();",
        "late": "setTimeout(mount, 300);",
    }
)
REACT_PAGE = page('<div id="root"></div><script src="/bundle.js"></script>')
