"""The files of the pages, and how a page is answered: from here, and loading nothing else."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from ccstream.gateway.endpoints import Endpoint

__all__ = ["file_endpoint", "page", "read_text"]

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

TYPES: Final = {"css": "text/css", "js": "text/javascript"}


def read_text(name: str) -> str:
    """A file of the pages."""
    return files("ccstream.gateway.pages").joinpath("static", name).read_text("utf-8")


def page(html: str, *, status: int = 200, forms: bool = False) -> Response:
    """A page: its own scripts and styles only, in no frame, kept by no cache.

    ``forms`` lets it send forms, to where it came from.
    """
    policy = POLICY.replace("form-action 'none'", "form-action 'self'") if forms else POLICY
    headers = {"Content-Security-Policy": policy}
    return Response(html, status, media_type="text/html", headers=headers)


def file_endpoint(path: str, name: str) -> Endpoint:
    """Serves a script or stylesheet to whoever asks; there is nothing of anybody in it."""
    body = read_text(name).encode()
    kind = TYPES[name.rpartition(".")[2]]

    async def serve(_request: Request) -> Response:
        return Response(body, media_type=kind, headers={"Cache-Control": "no-cache"})

    return Endpoint(method="GET", path=path, access="public", handler=serve)
