"""Large files of a ticket: the page behind its upload link, and the uploads as programs see them.

The protocol is tus 1.0.0 (https://tus.io/protocols/resumable-upload) with the extensions Creation
and Termination: a program asks how much has arrived and goes on from there. Without JavaScript the
page's form sends whole files.
"""

from __future__ import annotations

import base64
import binascii
import os
from typing import TYPE_CHECKING

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Conflict, Forbidden, Invalid, KbError, NotFound, TooLarge, UnknownFormat
from kb.tickets.attachments.validation import allowed_files
from webapp.context import centre, now, settings
from webapp.customer.tickets import EXPIRED_FORM, actor_of, viewer_of
from webapp.problems import kb_error_response, public_sentence, wants_json

if TYPE_CHECKING:
    from werkzeug.datastructures import FileStorage

    from kb.people.person import Person
    from kb.tickets.attachments.unfinished import LargeFile

blueprint = Blueprint("uploads", __name__, url_prefix="/tickets/<number>")

TUS_VERSION = "1.0.0"
PIECE_TYPE = "application/offset+octet-stream"
_MAX_METADATA = 4_000  # characters


@blueprint.after_request
def tus_headers(response: Response) -> Response:
    if request.method == "OPTIONS":
        response.headers["Tus-Version"] = TUS_VERSION
        response.headers["Tus-Extension"] = "creation,termination"
        response.headers["Tus-Max-Size"] = str(settings().upload_megabytes * 1024 * 1024)
    response.headers["Tus-Resumable"] = TUS_VERSION
    return response


# --- The page


@blueprint.get("/upload")
def show(number: str) -> str | BaseResponse:
    viewer = viewer_of(number)
    if viewer is None:
        return redirect(url_for("account.sign_in", next=request.path), 303)
    return _page(number, viewer)


def _page(number: str, viewer: Person, sentence: str = "") -> str:
    desk, time = centre().desk, now()
    unfinished = desk.large_files.unfinished(number, viewer)
    return render_template(
        "customer/uploads.html",
        ticket=desk.ticket(number, viewer, now=time),
        end=desk.large_files.link_end(number, time),
        may_open=desk.large_files.may_open(viewer),
        unfinished=unfinished,
        sentence=sentence,
        allowed=allowed_files(centre().policy.xml_files),
        count=request.args.get("sent", ""),
    )


@blueprint.post("/upload")
def send(number: str) -> BaseResponse | tuple[str, int]:
    """Whole files, without a script. If one is refused, those before it are kept."""
    viewer = actor_of(number)
    files = [file for file in request.files.getlist("attachments") if file.filename]
    try:
        if not files:
            raise Invalid("Choose a file.", field="attachments")
        for file in files:
            _send_whole(number, viewer, file)
    except (Invalid, Conflict, TooLarge) as error:
        if wants_json():
            raise
        return _page(number, viewer, public_sentence(error)), error.status
    return redirect(url_for("uploads.show", number=number, sent=len(files)), 303)


def _send_whole(number: str, viewer: Person, file: FileStorage) -> None:
    large_files, time = centre().desk.large_files, now()
    size = file.stream.seek(0, os.SEEK_END)
    file.stream.seek(0)
    ref = large_files.begin(number, viewer, file.filename or "", size, now=time)
    large_files.append(number, viewer, ref, 0, file.stream, now=time)


@blueprint.post("/upload/open")
def open_link(number: str) -> BaseResponse:
    centre().desk.large_files.open(number, actor_of(number), now=now())
    return redirect(url_for("uploads.show", number=number), 303)


@blueprint.post("/upload/close")
def close_link(number: str) -> BaseResponse:
    viewer = actor_of(number)
    centre().desk.large_files.close(number, viewer)
    page = "ticket_page.show" if viewer.is_staff else "tickets.show"
    return redirect(url_for(page, number=number), 303)


# --- tus


@blueprint.post("/files")
def begin(number: str) -> Response:
    viewer = actor_of(number)
    centre().desk.large_files.check(number, viewer)
    if (refused := _other_version()) is not None:
        return refused
    ref = centre().desk.large_files.begin(
        number, viewer, _file_name(), _whole_number("Upload-Length"), now=now()
    )
    return make_response("", 201, {"Location": url_for("uploads.state", number=number, ref=ref)})


@blueprint.get("/files/<ref>")
def state(number: str, ref: str) -> Response:
    """For HEAD: how much has arrived."""
    viewer = viewer_of(number)
    if viewer is None:
        raise NotFound("This upload is not yours. Sign in, or open your private link.")
    file = centre().desk.large_files.file(number, viewer, ref, now=now())
    if (refused := _other_version()) is not None:
        return refused
    return make_response("", 200, _progress(file.offset) | {"Upload-Length": str(file.size)})


@blueprint.route("/files/<ref>", methods=["PATCH", "POST"])
def append(number: str, ref: str) -> Response:
    """The next piece. POST is for clients that cannot send PATCH or DELETE, and say so."""
    override = request.headers.get("X-HTTP-Method-Override", "").upper()
    if request.method == "POST" and override == "DELETE":
        return cancel(number, ref)
    viewer = actor_of(number)
    large_files, time = centre().desk.large_files, now()
    file: LargeFile = large_files.file(number, viewer, ref, now=time)
    if (refused := _other_version()) is not None:
        return refused
    if request.method == "POST" and override != "PATCH":
        raise Invalid("Send a piece with PATCH, or with X-HTTP-Method-Override: PATCH.")
    if request.mimetype != PIECE_TYPE:
        raise UnknownFormat(f"Send a piece as {PIECE_TYPE}.")
    offset = _whole_number("Upload-Offset")
    if offset + (request.content_length or 0) > file.size:
        raise TooLarge(f"The piece is longer than the rest of the file: {file.size - offset}.")
    arrived = large_files.append(number, viewer, ref, offset, request.stream, now=time)
    return make_response("", 204, _progress(arrived))


@blueprint.delete("/files/<ref>")
def cancel(number: str, ref: str) -> Response:
    viewer = actor_of(number)
    centre().desk.large_files.file(number, viewer, ref, now=now())
    if (refused := _other_version()) is not None:
        return refused
    centre().desk.large_files.remove(number, viewer, ref)
    return make_response("", 204)


def _progress(offset: int) -> dict[str, str]:
    return {"Upload-Offset": str(offset), "Cache-Control": "no-store"}


def _other_version() -> Response | None:
    """The refusal of another version of the protocol."""
    if request.headers.get("Tus-Resumable") == TUS_VERSION:
        return None
    return make_response("", 412, {"Tus-Version": TUS_VERSION})


def _whole_number(name: str) -> int:
    text = request.headers.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise Invalid(f"The header {name} must be a number of bytes.", field=name)
    return int(text)


def _file_name() -> str:
    """From ``Upload-Metadata``: pairs of a key and a value in Base64, separated by commas."""
    metadata = request.headers.get("Upload-Metadata", "")[:_MAX_METADATA]
    values = dict(pair.split(" ", 1) for pair in metadata.split(",") if " " in pair.strip())
    values = {key.strip(): value.strip() for key, value in values.items()}
    encoded = values.get("filename") or values.get("name", "")
    try:
        name = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        name = ""
    if not name:
        raise Invalid("Name the file in Upload-Metadata: filename.", field="Upload-Metadata")
    return name


# --- Refusals of the page


@blueprint.errorhandler(KbError)
def page_again(error: KbError) -> Response:
    """A form of the page shows it again with the reason."""
    if request.endpoint not in ("uploads.open_link", "uploads.send") or wants_json():
        return kb_error_response(error)
    viewer = viewer_of(_number())
    if isinstance(error, Forbidden) and viewer is not None and not viewer.is_staff:
        return make_response(_page(_number(), viewer, public_sentence(error)), error.status)
    return kb_error_response(error)


@blueprint.errorhandler(CSRFError)
def form_expired(_error: CSRFError) -> Response:
    """Also for programs, which send the token of the page in ``X-CSRFToken``."""
    viewer = None if wants_json() else viewer_of(_number())
    if viewer is None or request.endpoint != "uploads.send":
        return kb_error_response(Forbidden(EXPIRED_FORM))
    return make_response(_page(_number(), viewer, EXPIRED_FORM), 400)


def _number() -> str:
    return str((request.view_args or {}).get("number", ""))
