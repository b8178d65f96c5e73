"""Who may see the page: anyone who knows its token, with a browser that asks for the page itself.

The page listens only on 127.0.0.1. But other users of the machine, and pages of other sites in the user's
own browser, can reach that, too. So the address has a random token, which is exchanged for a cookie that no
script can read and no other site can send, and taken out of the address. Requests under other names of this
machine are refused, because they would let a foreign site read the page (DNS rebinding).
"""

from __future__ import annotations

import hashlib
import html
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import field
from urllib.parse import urlsplit

from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp

from paramsurvey.fast_dataclass import dataclass

TOKEN = "token"
METHODS = ("GET", "HEAD")
HERE = ("127.0.0.1", "localhost")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class Access:
    """What a request must have.

    Attributes
    ----------
    port : int
        The one that the page listens on.
    more_hosts : tuple of str
        Other names under which it may be asked for: ``name``, with any port, or ``name:port``.
    token : str
        Part of the address that the user gets.
    secret : str
        The cookie's value.
    """

    port: int
    more_hosts: tuple[str, ...] = ()
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def cookie(self) -> str:
        """The cookie's name: different for each page, because a browser does not tell ports apart."""
        return f"paramsurvey-{hashlib.sha256(self.token.encode()).hexdigest()[:12]}"

    @property
    def address(self) -> str:
        """Where the user finds the page."""
        return f"http://127.0.0.1:{self.port}/?{TOKEN}={self.token}"

    def knows_host(self, host: str) -> bool:
        """Tell whether a request may ask for this name.

        Examples
        --------
        >>> access = Access(8000, ("lab.example",))
        >>> [access.knows_host(one) for one in ("localhost:8000", "localhost:9", "lab.example", "evil.org")]
        [True, False, True, False]
        """
        host = host.lower()
        ours = {f"{name}:{self.port}" for name in HERE} | ({*HERE} if self.port == 80 else set())
        more = {name.lower() for name in self.more_hosts}
        return host in ours or host in more or host.rpartition(":")[0] in more

    def knows_origin(self, origin: str) -> bool:
        """Tell whether a page of this origin may ask."""
        try:
            parts = urlsplit(origin)
        except ValueError:  # such as http://[
            return False
        return parts.scheme in ("http", "https") and self.knows_host(parts.netloc)

    def is_token(self, given: str) -> bool:
        """Tell whether this is the token."""
        return secrets.compare_digest(given.encode("utf-8", "replace"), self.token.encode())

    def is_secret(self, given: str) -> bool:
        """Tell whether this is the cookie's value."""
        return secrets.compare_digest(given.encode("utf-8", "replace"), self.secret.encode())


class Guard(BaseHTTPMiddleware):
    """Refuses requests that may not pass; gives answers the headers that limit what a browser does with them.

    Parameters
    ----------
    app : ASGI application
    access : Access
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        super().__init__(app)
        self._access = access

    async def dispatch(
        self, request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        """Answer a request, or let it pass."""
        try:
            response = self._refusal(request) or self._welcome(request) or await call_next(request)
        except Exception:
            logging.getLogger(__name__).exception("the live page cannot answer %r", request.url.path)
            said = (
                "The program that serves this page has written why, where it was started; the survey goes on."
            )
            response = _plain(500, "Something went wrong here.", said)
        response.headers.update(HEADERS)
        return response

    def _refusal(self, request: Request) -> Response | None:
        """Return why a request must not pass, None if it may."""
        if request.method not in METHODS:
            return PlainTextResponse("this page can only be looked at\n", 405, {"Allow": ", ".join(METHODS)})
        if not self._access.knows_host(request.headers.get("host", "")):
            return _plain(
                403,
                "This name is not known here.",
                "The page answers to 127.0.0.1 and localhost with its own port. To reach it under another "
                "name, through a proxy, or at another port, through a tunnel, start it with "
                "--allow-host NAME.",
            )
        origin = request.headers.get("origin")
        if origin is not None and not self._access.knows_origin(origin):
            return _plain(403, "Another site has asked for this.", "Open the page by its own address.")
        return None

    def _welcome(self, request: Request) -> Response | None:
        """Return what leads away from an address with the token; None for a browser that has the cookie."""
        given = request.query_params.get(TOKEN)
        if given is None and self._access.is_secret(request.cookies.get(self._access.cookie, "")):
            return None
        if given is None or not self._access.is_token(given):
            return _plain(
                403,
                "Who are you?",
                "Open the address that paramsurvey has printed, with its token. If you have just done so, ",
                '<a href="./">continue from here</a>: your browser did not send the cookie, '
                "because another site has sent you here.",
            )
        response: Response = RedirectResponse("./", 303)
        if request.headers.get("sec-fetch-site") == "cross-site":
            # a browser does not send the new cookie while it follows a link of another site
            response = HTMLResponse('<!DOCTYPE html><meta http-equiv="refresh" content="0;url=./"><p>…</p>')
        # no path: the browser takes the one that it asked for, which may be below a proxy's
        response.set_cookie(
            self._access.cookie, self._access.secret, path=None, httponly=True, samesite="strict"
        )
        return response


def _plain(status: int, title: str, text: str, more: str = "") -> Response:
    """Return a small page of our own words."""
    return HTMLResponse(
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>paramsurvey</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"></head>'
        f"<body><main><h1>{html.escape(title)}</h1><p>{html.escape(text)}{more}</p></main></body></html>",
        status,
    )


def checked_hosts(names: Iterable[str]) -> tuple[str, ...]:
    """Return names that a user has allowed.

    Raises
    ------
    ValueError
        One is not a name; the message says which.

    Examples
    --------
    >>> checked_hosts(["lab.example", "localhost:9000"])
    ('lab.example', 'localhost:9000')
    """
    names = tuple(names)
    for name in names:
        parts = urlsplit(f"//{name}")
        try:
            good = bool(parts.hostname) and parts.netloc == name and "@" not in name and (parts.port or 1) > 0
        except ValueError:
            good = False
        if not good or "*" in name or not name.isprintable() or " " in name:
            raise ValueError(
                f"{name!r} is not the name of a machine: give NAME or NAME:PORT, without http://"
            )
    return names
