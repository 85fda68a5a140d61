# ruff: noqa: E501, SIM905 - one attack a line, lists of words
"""A long list of ways to run a script, through every door that editors' and visitors' text comes in
by.
"""

from __future__ import annotations

import html
import itertools
import json

import pytest

from tests.indexer.conftest import Read
from tests.indexer.dangers import find_dangers

_EVENTS = (
    "onload onerror onclick onmouseover onmouseenter onfocus onfocusin onblur onanimationstart onanimationend "
    "ontransitionend onpointerover onpointerrawupdate ontoggle onbeforetoggle onscroll onscrollend onwheel oncopy oncut "
    "onpaste onbeforeinput oninput onkeydown onkeyup onsubmit onreset oninvalid onsearch onselect ondrag ondrop onresize "
    "onhashchange onmessage onpageshow onpopstate onstorage onunload onbeforeunload onbeforeprint oncanplay onplay "
    "onloadstart onended onformdata onfullscreenchange onauxclick oncontextmenu oncontentvisibilityautostatechange"
).split()
_TAGS = (
    "img svg body video audio input details marquee iframe object embed form button select textarea isindex keygen a p div "
    "math table style link base meta frameset frame applet bgsound layer ilayer image xss custom-tag dialog menu"
).split()
_SCHEMES = (
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "\tjavascript:alert(1)", "java\tscript:alert(1)",
    "java\nscript:alert(1)", "java\r\nscript:alert(1)", "java\0script:alert(1)", "\x01javascript:alert(1)",
    "javascript&colon;alert(1)", "javascript&#58;alert(1)", "javascript&#x3A;alert(1)", "javascript&#x0003a;alert(1)",
    "&#106;&#97;&#118;&#97;&#115;&#99;&#114;&#105;&#112;&#116;&#58;alert(1)", "&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3A;alert(1)",
    "javascript%3Aalert(1)", "javascript://%0aalert(1)", "javascript:/*--></title></style></textarea></script><svg/onload=alert(1)>",
    "data:text/html,<script>alert(1)</script>", "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==", "data:image/svg+xml,<svg onload=alert(1)>",
    "vbscript:msgbox(1)", "livescript:alert(1)", "mocha:alert(1)", "feed:javascript:alert(1)", "view-source:javascript:alert(1)",
    "jar:http://evil.example/x!/y", "file:///etc/passwd", "blob:http://evil.example/1", "filesystem:http://evil.example/x", "about:blank",
    "ws://evil.example", "intent://x#Intent;end", "ms-its:x", "res://x", "x-schema:y", "\u2028javascript:alert(1)", "\ufeffjavascript:alert(1)",
    "javascript\u200b:alert(1)", "ｊavascript:alert(1)", "//javascript:alert(1)", "http:javascript:alert(1)", "javascript:javascript:alert(1)",
)  # fmt: skip
_SHAPES = (
    "<script>alert(1)</script>", "<ScRiPt >alert(1)</sCrIpT>", "<script/x>alert(1)</script>", "<script\n>alert(1)</script\n>", "<script src=//evil.example></script>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>", "<<script>alert(1)//<</script>", "<script>alert(1)", "</script><script>alert(1)</script>",
    "<!--><script>alert(1)</script>-->", "<!-- --!><script>alert(1)</script>", "<![CDATA[<script>alert(1)</script>]]>", "<?xml version='1.0'?><script>alert(1)</script>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">", "<style><img src='</style><img src=x onerror=alert(1)//'>",
    "<textarea><img title='</textarea><img src onerror=alert(1)>'>", "<title><img title='</title><img src onerror=alert(1)>'>",
    "<xmp><img title='</xmp><img src onerror=alert(1)>'>", "<iframe><img title='</iframe><img src onerror=alert(1)>'>", "<noembed><img title='</noembed><img src onerror=alert(1)>'>",
    "<plaintext><script>alert(1)</script>", "<template><script>alert(1)</script></template>", "<svg><script>alert&#40;1)</script></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>", "<svg><a xlink:href='javascript:alert(1)'><text y=1>x</text></a></svg>",
    "<svg><animate xlink:href=#x attributeName=href values=javascript:alert(1) /><a id=x><rect/></a></svg>", "<svg><use href='data:image/svg+xml,<svg id=x onload=alert(1)>#x'/></svg>",
    "<svg><foreignObject><iframe srcdoc='<script>alert(1)</script>'></foreignObject></svg>", "<svg><desc><style><!--</style><a title='--><img src onerror=alert(1)>'></desc></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>", "<math href=javascript:alert(1)>x</math>",
    "<math><annotation-xml encoding='text/html'><img src=x onerror=alert(1)></annotation-xml></math>", "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<form id=x></form><button form=x formaction=javascript:alert(1)>x", "<form action=javascript:alert(1)><input type=submit>", "<isindex action=javascript:alert(1) type=image>",
    "<object data=javascript:alert(1)>", "<embed src=javascript:alert(1)>", "<embed code=//evil.example/x.swf allowscriptaccess=always>", "<applet code=x archive=//evil.example/x.jar>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>", "<meta http-equiv=set-cookie content='a=b'>", "<base href=javascript:alert(1)//>", "<base target=_parent>",
    "<link rel=import href=data:text/html,<script>alert(1)</script>>", "<link rel=stylesheet href=//evil.example/x.css>", "<link rel=prefetch href=//evil.example>",
    "<style>@import '//evil.example/x.css';</style>", "<p style='background:url(javascript:alert(1))'>x</p>", "<p style='width:expression(alert(1))'>x</p>", "<p style=\"behavior:url(#default#time2)\">x</p>",
    "<div style='position:fixed;inset:0;z-index:9999'><a href=http://evil.example>x</a></div>", "<table background=javascript:alert(1)><tr><td background=javascript:alert(1)>x</table>",
    "<img dynsrc=javascript:alert(1)>", "<img lowsrc=javascript:alert(1)>", "<img srcset='javascript:alert(1) 1x'>", "<img src=x usemap=#m><map name=m><area href=javascript:alert(1)></map>",
    "<picture><source srcset=//evil.example/x><img src=x></picture>", "<video poster=javascript:alert(1)//></video>", "<video><source onerror=alert(1)>", "<audio src=x onerror=alert(1)>",
    "<a href=http://x ping=//evil.example>x</a>", "<a href=http://x target=_blank>x</a>", "<a id=location name=location href=#>x</a>", "<form name=body><input id=innerHTML></form>",
    "<p id=csrf_token>x</p>", "<p class=callout onclick=alert(1)>x</p>", "<blockquote class='callout note evil'>x</blockquote>", "<p data-action=delete data-confirm=no>x</p>",
    "<p hx-get=//evil.example hx-trigger=load>x</p>", "<p x-data x-init=alert(1)>x</p>", "<p ng-app>{{constructor.constructor('alert(1)')()}}</p>", "<p v-html='x'>{{7*7}}</p>",
    "<kb-suggest endpoint=//evil.example></kb-suggest>", "<slot name=x>", "<p is=evil-element>x</p>", "<p popover id=x>x</p><button popovertarget=x>", "<dialog open>x</dialog>",
    "<a href='http://x' onclick='alert(1)'>x</a>", "<a href=\"http://x\"onclick=\"alert(1)\">x</a>", "<a/href='http://x'/onclick=alert(1)>x</a>", "<img src=`x`onerror=alert(1)>", "<img/src/onerror=alert(1)>",
    "<img src='x' 'onerror='alert(1)'>", "<img \"\"\"><script>alert(1)</script>\">", "<a \x0bonclick=alert(1)>x</a>", "<a \xa0onclick=alert(1)>x</a>", "<\x00script>alert(1)</script>",
    "<scri\x00pt>alert(1)</scri\x00pt>", "＜script＞alert(1)＜/script＞", "\u202e<script>alert(1)</script>", "+ADw-script+AD4-alert(1)+ADw-/script+AD4-", "\xbcscript\xbealert(1)\xbc/script\xbe",
    "&lt;script&gt;alert(1)&lt;/script&gt;", "&amp;lt;script&amp;gt;alert(1)&amp;lt;/script&amp;gt;", "%3Cscript%3Ealert(1)%3C/script%3E", "\\u003cscript\\u003ealert(1)\\u003c/script\\u003e",
    "`<script>alert(1)</script>`", "```\n</code></pre><script>alert(1)</script>\n```", "``` \" onmouseover=alert(1) x=\"\ncode\n```", "~~~html onload=alert(1)\nx\n~~~",
    "![x\" onerror=\"alert(1)](i.png)", "![x](i.png \"x\\\" onerror=alert(1) \")", "![x](i.png 'x\" onerror=\"alert(1)')", "[x](http://x \"\\\" onclick=alert(1)\")", "[x](<javascript:alert(1)>)",
    "[x](javascript:alert(1) \"t\")", "[x]:\njavascript:alert(1)\n\n[x]", "[a]: <javascript:alert(1)>\n\n[a][]", "<javascript:alert(1)>", "<data:text/html,x>", "[x](//evil.example/%0aSet-Cookie:a=b)",
    "[^1]\n\n[^1]: <img src=x onerror=alert(1)>", "term\n: <img src=x onerror=alert(1)>", "| a |\n|---|\n| <img src=x onerror=alert(1)> |", "- [ ] <img src=x onerror=alert(1)>", "# <img src=x onerror=alert(1)>",
    "# x {#a onclick=alert(1)}", "x {: onclick=alert(1) }", "{: .x onclick=alert(1) }\nx", "*[HTML]: <img src=x onerror=alert(1)>\n\nHTML", "!!! note \"<img src=x onerror=alert(1)>\"\n    x",
    "??? x \"<img src=x onerror=alert(1)>\"\n    x", "=== \"<img src=x onerror=alert(1)>\"\n    x", "::: note <img src=x onerror=alert(1)>\nx\n:::", "> [!NOTE] <img src=x onerror=alert(1)>", "```{note} <img src=x onerror=alert(1)>\nx\n```",
    "{{< x \"<img src=x onerror=alert(1)>\" >}}", "{{% note %}}<img src=x onerror=alert(1)>{{% /note %}}", "{% raw %}<img src=x onerror=alert(1)>{% endraw %}", "<xref:\"onmouseover=alert(1)>", "[x](xref:\"><img src=x onerror=alert(1)>)",
    ":::image source=\"i.png\" alt-text=\"x\" onerror=\"alert(1)\":::", ":::image source=\"javascript:alert(1)\" alt-text=\"x\":::", "import x from 'y'\n\n<Evil onClick={alert(1)} />", "export const x = () => <script>alert(1)</script>",
    "$$<img src=x onerror=alert(1)>$$", "\\<img src=x onerror=alert(1)\\>", "\\\n<script>alert(1)</script>", "<details><summary><img src=x onerror=alert(1)></summary></details>", "<details open ontoggle=alert(1)>x</details>",
)  # fmt: skip
_CROSSED = [
    f"<{tag} {event}=alert(1) src=x href=http://x>x</{tag}>"
    for tag, event in zip(itertools.cycle(_TAGS), _EVENTS * 2, strict=False)
]
_QUOTED = [f"<a href={quote}{scheme}{quote}>x</a>" for scheme in _SCHEMES for quote in "\"'"]
_LINKED = [
    shape
    for s in _SCHEMES
    for shape in (
        f"[x]({s})",
        f"[x](<{s}>)",
        f"![x]({s})",
        f"<{s}>",
        f"[x]: {s}\n\n[x]",
        f'<img src="{s}">',
    )
]
ATTACKS = [*_SHAPES, *_CROSSED, *_QUOTED, *_LINKED]
assert len(ATTACKS) > 550


def _markdown(attack: str) -> str:
    return f"# Title\n\n## Is it safe?\n\nWords.\n\n{attack}\n\n> {attack}\n\n- {attack}\n\n**{attack}** and [t]({attack})"


def _page(attack: str) -> str:
    return f"<html><head><title>{attack}</title></head><body><p>Words.</p>{attack}<div>{attack}</div><dl><dt>{attack}?</dt><dd>{attack}</dd></dl></body></html>"


def _topic(attack: str) -> str:
    post = {
        "post_type": 1,
        "name": attack,
        "created_at": "2024-05-06",
        "cooked": f"<p>Words.</p>{attack}",
    }
    posts = [post | {"post_number": 1}, post | {"post_number": 2, "accepted_answer": True}]
    return json.dumps({"post_stream": {"posts": posts}, "title": attack, "tags": [attack]})


def _dump(attack: str) -> str:
    cells = "".join(
        f' {name}="{html.escape(attack)}"' for name in ("Title", "Body", "Tags", "OwnerDisplayName")
    )
    return f'<?xml version="1.0"?><posts><row Id="1" PostTypeId="1"{cells} /></posts>'


def _mail(attack: str) -> str:
    one_line = attack.replace("\n", " ").replace("\r", " ")
    return f"From a@b Mon Jan  5 10:00:00 2026\nFrom: {one_line} <a@b.c>\nSubject: {one_line}\n\nWords.\n\n{attack}\n"


def _questions(attack: str) -> str:
    text = json.dumps(f"Words.\n\n{attack}")
    return f"### YamlMime:FAQ\nsections:\n- name: {json.dumps(attack)}\n  questions:\n  - question: {json.dumps(attack + '?')}\n    answer: {text}\n"


def _rst(attack: str) -> str:
    return (
        f"Title\n=====\n\nWords.\n\n{attack}\n\n`x <{attack}>`_\n\n.. raw:: html\n\n   {attack}\n"
    )


_DOORS = {
    "a.md": _markdown, "a.html": _page, "t.json": _topic, "Posts.xml": _dump, "list.mbox": _mail, "faq.yml": _questions,
    "a.rst": _rst,
}  # fmt: skip


@pytest.mark.parametrize("kind", ["doc", "faq", "forum"])
@pytest.mark.parametrize("name", sorted(_DOORS))
def test_no_attack_comes_through_any_door(read: Read, name: str, kind: str) -> None:
    through = []
    read_any = 0
    whole = kind == "doc" and name in ("a.md", "a.html")  # the other doors lead to the same rooms
    for attack in ATTACKS if whole else ATTACKS[len(kind) :: 7]:
        documents, _ = read(kind, name, _DOORS[name](attack).encode("utf-8", "replace"))
        read_any += bool(documents)
        through += [
            (attack, danger) for document in documents for danger in find_dangers(document.html)
        ]
    assert through == []
    assert read_any > 30


def test_the_detector_itself_sees_what_it_should() -> None:
    for evil in (
        "<p onclick=x>",
        "<a href='javascript:x'>",
        "<script>x</script>",
        "<p id=main>",
        "<img src='data:x'>",
        "<svg>",
    ):
        assert find_dangers(evil)
    assert find_dangers('<p id="s-x"><a href="https://x">x</a></p>') == []
