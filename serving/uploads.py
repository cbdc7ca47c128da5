"""The one input of `/predict` and `/heatmap`: a multipart form, read in memory within our limits.

BentoML's own file parameters write uploads to disk under the client's file name and fetch text values as URLs.
This descriptor replaces its parsing, keeps its schema, and so keeps `bentoml.SyncHTTPClient` and the OpenAPI page.
"""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Annotated, TypeVar

from bentoml import IODescriptor
from pydantic import Field, WithJsonSchema
from starlette.datastructures import FormData, QueryParams, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from imip.errors import MalformedRequest, ScanTooLarge, UploadTimeout
from imip.settings import Settings

FORM_OVERHEAD = 64 * 1024  # bytes of boundaries, part headers and small fields beside the file
FIELDS = 8  # at most, beside the file
FIELD_BYTES = 1024  # at most, each
FLAGS = {"true": True, "1": True, "false": False, "0": False, "": False}

Value = TypeVar("Value")
FileBytes = Annotated[bytes, WithJsonSchema({"type": "file", "format": "binary"})]


@dataclass(frozen=True, slots=True)
class AnalysisRequest:
    """What a client asks of `/predict` or `/heatmap`."""

    request_id: str
    module: str
    data: bytes = field(repr=False)
    frame: int | None = None
    any_modality: bool = False


def scan_upload(settings: Settings) -> type[IODescriptor]:
    """Return the descriptor of the form, with the limits and defaults of these settings."""

    class ScanUpload(IODescriptor):
        """A scan, the module to ask, and how to take it. All but the scan may stand in the address instead."""

        file: FileBytes = Field(description="PNG, JPEG or DICOM; told by its bytes, not by its name or content type")
        module: str = Field(
            default=settings.modules[0],
            description="analysis module; `GET /meta` tells of each",
            json_schema_extra={"enum": list(settings.modules)},
        )
        frame: int | None = Field(
            default=None, description="frame of a multi-frame scan, from 0; default the middle one"
        )
        any_modality: bool = Field(
            default=False, description="analyse a DICOM scan even if its modality is none that the module is for"
        )

        @classmethod
        async def from_http_request(cls, request: Request, serde: object) -> "ScanUpload":
            """Read the form.

            Raises MalformedRequest, ScanTooLarge if the body passes the limit, UploadTimeout if it comes too slowly,
            ClientDisconnect if the client hangs up.
            """
            form = await _form(request, settings)
            query = request.query_params
            return cls.model_construct(
                file=await _file(form),
                module=_field(form, query, "module", str) or settings.modules[0],
                frame=_field(form, query, "frame", _frame),
                any_modality=_field(form, query, "any_modality", _flag),
            )

    # For the OpenAPI page. BentoML derives it from its own file types, which it writes to disk, as the class is made.
    ScanUpload.multipart_fields = ["file"]
    return ScanUpload


async def _form(request: Request, settings: Settings) -> FormData:
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise MalformedRequest("The request must be multipart/form-data with the scan in the field 'file'.")
    try:
        async with asyncio.timeout(settings.upload_seconds):
            return await _InMemoryParser(
                request.headers,
                _bounded(request, settings.max_body_bytes),
                max_files=1,
                max_fields=FIELDS,
                max_part_size=FIELD_BYTES,
            ).parse()
    except TimeoutError:
        raise UploadTimeout(f"The request did not arrive within {settings.upload_seconds:g} seconds.") from None
    except (MultiPartException, UnicodeError):  # the latter from charsets like "undefined"
        raise MalformedRequest("The multipart form is damaged, or has too many or too long fields.") from None


class _InMemoryParser(MultiPartParser):
    spool_max_size = sys.maxsize  # never roll over to a file on disk


async def _bounded(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """Yield the body's chunks until it proves too large; a declared length is believed when it is too large."""
    most = limit + FORM_OVERHEAD
    declared = request.headers.get("content-length", "")
    received = 0
    if declared.isascii() and declared.isdigit() and int(declared) > most:
        raise ScanTooLarge(f"The request has {declared} bytes; the limit for a file is {limit}.")
    async for chunk in request.stream():
        received += len(chunk)
        if received > most:
            raise ScanTooLarge(f"The request has over {most} bytes; the limit for a file is {limit}.")
        yield chunk


async def _file(form: FormData) -> bytes:
    uploads = form.getlist("file")
    if len(uploads) != 1 or not isinstance(uploads[0], UploadFile):
        raise MalformedRequest("The form must have one file in the field 'file'; a text or URL is not fetched.")
    return await uploads[0].read()


def _field(form: FormData, query: QueryParams, name: str, read: Callable[[str], Value]) -> Value:
    """Return what the form or the address says of a field, which must mean the same; of "" what that means."""
    said = {read(text) for text in (_text(form, name), _text(query, name)) if text}
    if len(said) > 1:
        raise MalformedRequest(f"The form and the address differ in '{name}'.")
    return said.pop() if said else read("")


def _text(form: FormData | QueryParams, name: str) -> str:
    """Return a field's text; BentoML's client sends JSON, others plain text."""
    values = form.getlist(name)
    if not values:
        return ""
    if len(values) > 1 or not isinstance(values[0], str):
        raise MalformedRequest(f"The field '{name}' must be one text.")
    try:
        decoded = json.loads(values[0])
    except (ValueError, RecursionError):  # the latter from a thousand brackets
        return values[0].strip()
    return "" if decoded is None else str(decoded)


def _frame(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise MalformedRequest("The field 'frame' must be a whole number from 0.")
    return int(text)


def _flag(text: str) -> bool:
    if text.lower() not in FLAGS:
        raise MalformedRequest("The field 'any_modality' must be true or false.")
    return FLAGS[text.lower()]
