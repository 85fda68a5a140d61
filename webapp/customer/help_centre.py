"""The help centre: home, search, articles, listings, votes and pictures.

Each page shows what the reader's audience may see and nothing else. The searcher ranks and
highlights.
"""

from __future__ import annotations

from urllib.parse import quote

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
from kb.people.person import Role
from kb.search.display.article_markdown import article_markdown
from kb.search.display.sections import ROOT
from kb.search.documents import PUBLIC, Document, DocumentKind, visible_to
from kb.search.results import Hit, Results
from webapp.context import asked, asker, audience, centre, now, settings, visitor
from webapp.customer.visits import count_opened_result
from webapp.formatting import KINDS
from webapp.problems import public_sentence
from webapp.query_counter import count_query
from webapp.status.problems import open_problems
from webapp.sub_path import portal_links, portal_path

blueprint = Blueprint("help_centre", __name__)

PER_PAGE = 10  # results
PER_LISTING = 30
LIST_SORTS = {DocumentKind.FAQ: "title", DocumentKind.FORUM: "newest"}
NEWEST = 5  # of each kind on the home page
FEATURED = 6
INTRODUCTION = 1500  # characters of an index page that are shown above what it leads to
RELATED = 5
PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".svg"})


@blueprint.get("/")
def home() -> str:
    """Search, and the newest documents. Without an index the page still leads to the form."""
    searcher = centre().searcher
    try:
        sections = searcher.sections(audience())
        counts = searcher.counts(audience()) | {DocumentKind.DOC: sections.count}
        newest = {DocumentKind.DOC: sections.newest(NEWEST)}
        for kind in (DocumentKind.FAQ, DocumentKind.FORUM):
            newest[kind] = _newest(kind)
        top = sections.contents(ROOT, count=0).sections
        featured = sections.featured(FEATURED)
    except KbError as error:
        return render_template(
            "customer/home.html",
            counts={},
            newest={},
            problems=open_problems(),
            sentence=public_sentence(error),
        )
    return render_template(
        "customer/home.html",
        counts=counts,
        newest=newest,
        sections=top,
        featured=featured,
        problems=open_problems(),
        sentence="",
    )


def _newest(kind: DocumentKind) -> tuple[Hit, ...]:
    """The newest documents of a kind; where none has a date, the first by title."""
    searcher = centre().searcher
    _, newest = searcher.listing(audience(), kind, per_page=NEWEST, newest=True)
    return (
        tuple(hit for hit in newest if hit.updated)
        or searcher.listing(audience(), kind, per_page=NEWEST)[1]
    )


@blueprint.get("/search")
def search() -> str:
    query = request.args.get("q", "").strip()
    if not query:
        return render_template("customer/search.html", query="", results=None, sentence="")

    try:
        results = search_results(query)
    except Invalid:
        raise
    except KbError as error:
        # Search may be down; the way to a person stays open.
        return render_template(
            "customer/search.html", query=query, results=None, sentence=public_sentence(error)
        )

    # Another page, filter or order is the same search again.
    narrowed = ("kind", "product", "version", "page", "sort")
    if not any(request.args.get(name) for name in narrowed):
        count_query(query, is_empty=not results.total)
    return render_template(
        "customer/search.html",
        query=query,
        results=results,
        sentence="",
        pages=page_count(results),
    )


def search_results(query: str) -> Results:
    """The page of results that the address asks for; an empty filter means all."""
    here = asked()
    return here.centre.searcher.search(
        query,
        audience=here.audience,
        kind=request.args.get("kind") or None,
        product=request.args.get("product") or None,
        version=request.args.get("version") or None,
        page=page_number(),
        per_page=PER_PAGE,
        operators=reads_operators(),
        sort=request.args.get("sort") or "best",
        language=here.language,
        trial=here.centre.experiments.trial(here.time),
    )


def reads_operators() -> bool:
    """Whether the address asks to read quotation marks and other signs as operators, which they are
    not in the title of a ticket. Raises Invalid.
    """
    value = request.args.get("operators", "1")
    if value not in ("0", "1"):
        raise Invalid("operators must be 0 or 1.", field="operators")
    return value == "1"


def page_number() -> int:
    """The page in the address, from 1. Raises Invalid for anything else."""
    text = request.args.get("page", "1")
    if not text.isascii() or not text.isdigit() or len(text) > 5 or not 1 <= int(text) <= 10_000:
        raise Invalid(
            f"{text[:20]!r} is not a valid page number. Pages count from 1.", field="page"
        )
    return int(text)


def page_count(results: Results) -> int:
    return -(-results.total // results.per_page)


@blueprint.get("/help/<path:document_id>")
def article(document_id: str) -> Response | BaseResponse:
    """An article; with ``?fragment=1`` only what the panel beside the ticket form shows.

    Below its address with ``.md``, and for programs that prefer it, it is Markdown.
    """
    document, is_twin = _document_or_twin(document_id)
    name = f"{document.id}.md" if is_twin else document.id
    if name != document_id:
        query = f"?{request.query_string.decode()}" if request.query_string else ""
        return redirect(url_for("help_centre.article", document_id=name) + query, 301)
    if is_twin or _prefers_markdown():
        return _twin(document)
    if request.args.get("fragment"):
        return make_response(render_template("customer/article_fragment.html", document=document))

    sections = centre().searcher.sections(audience())
    location = sections.location(document)
    if location.is_index and fits_above_section(document):
        path = location.trail[-1].path if location.trail else None
        return redirect(url_for("sections.show", path=path))
    response = make_response(
        render_template(
            "customer/article.html",
            document=document,
            location=location,
            translations=sections.translations(document),
            related=_related(document),
        )
    )
    response.vary.add("Accept")
    return response


def _document_or_twin(document_id: str) -> tuple[Document, bool]:
    """The document, and whether the address is that of its Markdown twin. Raises NotFound."""
    searcher = centre().searcher
    try:
        return searcher.article(document_id, audience=audience()), False
    except NotFound:
        if not document_id.endswith(".md"):
            raise
    return searcher.article(document_id.removesuffix(".md"), audience=audience()), True


def _prefers_markdown() -> bool:
    kinds = ("text/html", "text/markdown")
    return request.accept_mimetypes.best_match(kinds, default=kinds[0]) == "text/markdown"


def _twin(document: Document) -> Response:
    response = make_response(markdown_of(document))
    response.mimetype = "text/markdown"
    response.vary.add("Accept")
    page = settings().origin + quote(portal_path(document.url))
    response.headers["Link"] = f'<{page}>; rel="canonical"'
    return response


def markdown_of(document: Document) -> str:
    """The article as Markdown, with whole addresses."""
    address = settings().origin + portal_path(document.url)
    return article_markdown(document.title, portal_links(document.html), address)


def fits_above_section(document: Document) -> bool:
    """Whether an index page is short enough to be shown above what it leads to."""
    return sum(len(part.text) for part in document.sections) <= INTRODUCTION


def _related(document: Document) -> tuple[Hit, ...]:
    try:
        return centre().searcher.related(document.id, audience=audience(), limit=RELATED)
    except KbError:
        return ()


@blueprint.get("/<any(faq, forum):place>")
def listing(place: str) -> str:
    """FAQ entries by title, threads newest first, or in the order that the address asks for."""
    kind = DocumentKind(next(kind for kind, row in KINDS.items() if row.path == place))
    page, sort = page_number(), request.args.get("sort") or LIST_SORTS[kind]
    if sort not in LIST_SORTS.values():
        raise Invalid(f"sort must be title or newest, not {sort[:20]}.", field="sort")
    total, hits = centre().searcher.listing(
        audience(), kind, page=page, per_page=PER_LISTING, newest=sort == "newest"
    )
    if page > 1 and not hits:
        raise NotFound(f"This list has no page {page}. Start at the first page.")
    pages = -(-total // PER_LISTING)
    return render_template(
        "customer/listing.html",
        kind=kind,
        total=total,
        hits=hits,
        page=page,
        pages=pages,
        sort=sort,
    )


@blueprint.post("/feedback")
def feedback() -> BaseResponse:
    """One vote per reader and article; the last one counts. Who says no is asked for the reason."""
    document = centre().searcher.article(request.form.get("document", ""), audience=audience())
    vote = request.form.get("helpful", "")
    if vote not in ("yes", "no"):
        raise Invalid("Answer yes or no: was the article helpful?", field="helpful")
    reason = request.form.get("reason", "")
    centre().deflection.helpful(document.id, vote == "yes", visitor(), now=now(), reason=reason)
    voted = "reason" if reason.strip() else vote
    return redirect(
        url_for("help_centre.article", document_id=document.id, voted=voted, _anchor="feedback"),
        303,
    )


@blueprint.post("/search/opened")
def opened() -> Response:
    """Counts a result that somebody opened, while an experiment with two rankings runs."""
    count_opened_result(request.form.get("q", "").strip(), request.form.get("id", ""))
    return Response(status=204)


@blueprint.get("/media/<path:name>")
def media(name: str) -> Response:
    """A picture, for those who may see an article that shows it."""
    if not any(name.lower().endswith(suffix) for suffix in PICTURE_SUFFIXES):
        abort(404)
    audiences = centre().searcher.picture_audiences(name)
    if not audiences & visible_to(audience()) and not _is_previewed(name):
        abort(404)

    response = send_from_directory(settings().data.resolve() / "media", name, max_age=86400)
    if PUBLIC not in audiences:
        # Whoever signs out, or shares a proxy, must not be given it from a cache.
        response.headers["Cache-Control"] = "private, no-cache"

    # An SVG that is opened by itself is a document: it may load and run nothing.
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    )
    return response


def _is_previewed(name: str) -> bool:
    """Whether the reader is an editor to whom the last preview shows the picture."""
    reader = asker()
    if reader is None or reader.role not in (Role.EDITOR, Role.ADMIN):
        return False
    try:
        return centre().index.previews.shows(name, visible_to(audience()))
    except KbError:
        return False
