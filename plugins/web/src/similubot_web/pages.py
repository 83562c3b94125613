"""The application behind a page: its files, the login, the stream, and what every answer says."""

from __future__ import annotations

import gzip
import hashlib
import math
from collections.abc import Awaitable, Callable, Sequence
from importlib import resources

from aiohttp import hdrs, web

from similubot_web.access import Access, Viewer
from similubot_web.stream import Row, State, Stream

LARGEST_REQUEST = 4096

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    # "no-referrer" would have browsers leave out the origin when the login form is sent.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_ERROR = b"<!-- error -->"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
VIEWER = web.RequestKey("viewer", Viewer)
"""Who asks, in a request that needs a login."""


def make_app(
    access: Access,
    look: Callable[[], Awaitable[State]],
    page: str,
    files: Sequence[str],
    routes: Sequence[tuple[str, str, Handler]] = (),
    *,
    ends_for_good: bool = False,
) -> web.Application:
    """The application of one page. All its addresses are relative to where it is put.

    Args:
        access: Who may look.
        look: What they see now.
        page: The page's file.
        files: The scripts that it needs; anybody may have those.
        routes: Method, path and handler of what it asks for besides the stream; `VIEWER` is set.
        ends_for_good: Whether nothing comes after this application: its viewers are told so, and
            do not come back.
    """
    shown, login = _File(page), _File("login.html")
    stream = Stream(look, lambda request: _hello(access, request))

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        access.refuse_foreign(request)
        if request.body_exists and not 0 <= (request.content_length or -1) <= LARGEST_REQUEST:
            raise web.HTTPRequestEntityTooLarge(LARGEST_REQUEST, request.content_length or 0)
        return await handler(request)

    async def add_headers(request: web.Request, answer: web.StreamResponse) -> None:
        answer.headers.update(HEADERS)
        answer.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")

    async def show_page(request: web.Request) -> web.StreamResponse:
        if access.viewer(request) is None:
            raise web.HTTPSeeOther("login")
        return shown.answer(request)

    def private(handler: Handler) -> Handler:
        async def checked(request: web.Request) -> web.StreamResponse:
            viewer = access.viewer(request)
            if viewer is None:
                raise web.HTTPUnauthorized(text="Log in first.")
            request[VIEWER] = viewer
            return await handler(request)

        return checked

    async def show_login(request: web.Request) -> web.StreamResponse:
        if access.token is None:
            raise web.HTTPSeeOther("./")
        return _login_page(login, "")

    async def log_in(request: web.Request) -> web.StreamResponse:
        address = request.remote or ""
        wait = math.ceil(access.attempts.wait(address))
        if wait > 0:
            refused = _login_page(login, f"Too many attempts; try again in {wait} seconds.", 429)
            refused.headers[hdrs.RETRY_AFTER] = str(wait)
            return refused
        token = (await request.post()).get("token", "")
        if not isinstance(token, str) or not access.is_right(token.strip()):
            access.attempts.note_wrong(address)
            return _login_page(login, "That is not the token; try again.", 403)
        welcome = web.HTTPSeeOther("./")
        access.start_session(request, welcome)
        raise welcome

    async def log_out(request: web.Request) -> web.StreamResponse:
        goodbye = web.HTTPSeeOther("login")
        access.end_session(goodbye)
        raise goodbye

    async def end_stream(app: web.Application) -> None:
        await stream.end(for_good=ends_for_good)

    app = web.Application(middlewares=[guard])
    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(end_stream)
    app.router.add_get("/", show_page)
    app.router.add_get("/events", private(stream.serve), allow_head=False)
    app.router.add_get("/login", show_login)
    app.router.add_post("/login", log_in)
    app.router.add_post("/logout", log_out)
    for name in (*files, "live.js", "page.css", "icon.svg"):
        app.router.add_get(f"/{name}", _File(name).answer_to)
    for method, path, handler in routes:
        app.router.add_route(method, path, private(handler))
    return app


def _hello(access: Access, request: web.Request) -> Row:
    """What a viewer is told first: this machine's time, and what they may do."""
    return {
        "now": round(access.clock(), 1),
        "may_act": request[VIEWER].may_act,
        "may_log_out": access.token is not None,
    }


class _File:
    """A file of the page, as it is sent; read once."""

    def __init__(self, name: str) -> None:
        self.body = (resources.files("similubot_web") / "page" / name).read_bytes()
        self._packed = gzip.compress(self.body, mtime=0)
        self._kind = _KINDS[name.rpartition(".")[2]]
        self._tag = f'"{hashlib.sha256(self.body).hexdigest()[:16]}"'

    async def answer_to(self, request: web.Request) -> web.StreamResponse:
        return self.answer(request)

    def answer(self, request: web.Request) -> web.Response:
        headers = {
            hdrs.ETAG: self._tag,
            hdrs.CACHE_CONTROL: "no-cache",
            hdrs.VARY: "Accept-Encoding",
        }
        if request.headers.get(hdrs.IF_NONE_MATCH) == self._tag:
            return web.Response(status=304, headers=headers)
        body = self.body
        if "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
            body = self._packed
            headers[hdrs.CONTENT_ENCODING] = "gzip"
        return web.Response(body=body, content_type=self._kind, charset="utf-8", headers=headers)


def _login_page(file: _File, error: str, status: int = 200) -> web.Response:
    told = f'<p class="error" role="alert">{error}</p>'.encode() if error else b""
    body = file.body.replace(_ERROR, told)
    return web.Response(body=body, status=status, content_type="text/html", charset="utf-8")
