"""How does a reader find and read an answer?

The home page, results, articles, listings and the vote under an article. All of them show what the
reader's audience may see and nothing else; ranking and highlights come ready from the searcher.
"""

from __future__ import annotations

from flask import (
    Blueprint,
    Response,
    abort,
    make_response,
    redirect,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Invalid, KbError, NotFound
from kb.search.documents import Document, DocumentKind
from kb.search.results import Hit, Results
from webapp.context import audience, centre, language, now, settings, visitor
from webapp.formatting import KIND_PLACES
from webapp.problems import told
from webapp.query_counter import settled

blueprint = Blueprint("help", __name__)
PER_PAGE = 10
PER_LISTING = 30
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".svg"})


@blueprint.get("/")
def home() -> str:
    """Search first; below it what there is. Without an index the page still leads to the form."""
    try:
        counts = centre().searcher.counts(audience())
        newest = {
            kind: centre().searcher.newest(audience(), kind, 5)
            for kind in DocumentKind
            if counts.get(kind)
        }
    except KbError as error:
        return render_template("customer/home.html", counts={}, newest={}, sentence=told(error))
    return render_template("customer/home.html", counts=counts, newest=newest, sentence="")


@blueprint.get("/search")
def search() -> str:
    query = request.args.get("q", "").strip()
    if not query:
        return render_template("customer/search.html", query="", results=None, sentence="")
    try:
        results = found(query)
    except Invalid:
        raise
    except KbError as error:
        # Search may be down; the way to a person stays open.
        return render_template(
            "customer/search.html", query=query, results=None, sentence=told(error)
        )
    if not results_narrowed():
        settled(query)
    return render_template(
        "customer/search.html", query=query, results=results, sentence="", pages=page_count(results)
    )


def results_narrowed() -> bool:
    """Whether it is the same search again, of another page, of fewer kinds or in another order."""
    return any(request.args.get(name) for name in ("kind", "product", "version", "page", "sort"))


def found(query: str) -> Results:
    """The page of results that the address asks for, as the asker may see it; an empty filter means
    all.
    """
    chosen = {name: request.args.get(name) or None for name in ("kind", "product", "version")}
    return centre().searcher.search(
        query,
        audience=audience(),
        kind=chosen["kind"],
        product=chosen["product"],
        version=chosen["version"],
        page=page_number(),
        per_page=PER_PAGE,
        sort=request.args.get("sort") or "best",
        language=language(),
    )


def page_number() -> int:
    """The page asked for, from 1. Raises Invalid for anything else."""
    text = request.args.get("page", "1")
    if not text.isascii() or not text.isdigit() or len(text) > 5 or not 1 <= int(text) <= 10_000:
        raise Invalid(f"There is no page {text[:20]!r}; pages count from 1.", field="page")
    return int(text)


def page_count(results: Results) -> int:
    return -(-results.total // results.per_page)


@blueprint.get("/help/<path:document_id>")
def article(document_id: str) -> Response | BaseResponse | str:
    """An article; with ``?fragment=1`` only what the side panel of the ticket form shows."""
    document = centre().searcher.article(document_id, audience=audience())
    if document.id != document_id:
        query = f"?{request.query_string.decode()}" if request.query_string else ""
        return redirect(url_for("help.article", document_id=document.id) + query, 301)
    if request.args.get("fragment"):
        return make_response(render_template("customer/article_fragment.html", document=document))
    return render_template("customer/article.html", document=document, related=_related(document))


def _related(document: Document) -> tuple[Hit, ...]:
    try:
        return centre().searcher.related(document.id, audience=audience(), limit=5)
    except KbError:
        return ()


@blueprint.get("/<any(docs, faq, forum):place>")
def listing(place: str) -> str:
    kind = next(kind for kind, (name, _) in KIND_PLACES.items() if name == place)
    page = page_number()
    total, hits = centre().searcher.listing(audience(), kind, page=page, per_page=PER_LISTING)
    if page > 1 and not hits:
        raise NotFound(f"There is no page {page} here; the first page has what there is.")
    pages = -(-total // PER_LISTING)
    return render_template(
        "customer/listing.html", kind=kind, total=total, hits=hits, page=page, pages=pages
    )


@blueprint.post("/feedback")
def feedback() -> BaseResponse:
    """One vote a reader and article; the last one counts."""
    document = centre().searcher.article(request.form.get("document", ""), audience=audience())
    answer = request.form.get("helpful", "")
    if answer not in ("yes", "no"):
        raise Invalid("Say yes or no: was the article helpful?", field="helpful")
    centre().deflection.helpful(document.id, answer == "yes", visitor(), now=now())
    return redirect(
        url_for("help.article", document_id=document.id, voted=answer, _anchor="feedback"), 303
    )


@blueprint.get("/media/<path:name>")
def media(name: str) -> Response:
    """A picture of the help centre's articles."""
    if not any(name.lower().endswith(ending) for ending in PICTURES):
        abort(404)
    response = send_from_directory(settings().data.resolve() / "media", name, max_age=86400)
    # An SVG opened by itself is a document: it may load and run nothing.
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    )
    return response
