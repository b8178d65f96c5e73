"""Who may see the page: the token, the cookie, the names of the machine, and the headers."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from paramsurvey.live_page.access import Access, Guard, checked_hosts

ACCESS = Access(80, ("lab.example",), token="the-token", secret="the-secret")


def answer(request: Request) -> Response:
    if request.url.path == "/broken":
        raise RuntimeError("broken")
    return PlainTextResponse("secret things")


def browser(access: Access = ACCESS, **options: str) -> TestClient:
    app = Starlette(routes=[Route("/{rest:path}", answer)], middleware=[Middleware(Guard, access=access)])
    url = options.get("base_url", "http://127.0.0.1")
    return TestClient(app, base_url=url, follow_redirects=False, raise_server_exceptions=False)


def test_the_token_is_exchanged_for_a_cookie_and_taken_out_of_the_address() -> None:
    client = browser()
    welcome = client.get("/?token=the-token")
    assert (welcome.status_code, welcome.headers["location"]) == (303, "./")
    cookie = welcome.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path" not in cookie  # the browser's own, which may be below a proxy's path
    assert "the-token" not in cookie
    assert client.get("/").text == "secret things"


@pytest.mark.parametrize("query", ["", "?token=", "?token=the-toke", "?token=the-tokenx", "?token=\u20ac"])
def test_nobody_else_sees_anything(query: str) -> None:
    refused = browser().get(f"/{query}")
    assert refused.status_code == 403
    assert "secret" not in refused.text
    assert "set-cookie" not in refused.headers


def test_a_wrong_cookie_is_refused() -> None:
    client = browser()
    client.cookies.set(ACCESS.cookie, "wrong")
    assert client.get("/").status_code == 403


def test_two_pages_of_one_machine_have_cookies_of_their_own() -> None:
    assert Access(80).cookie != Access(80).cookie
    assert Access(80).token != Access(80).token


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "FOO"])
def test_the_page_can_only_be_looked_at(method: str) -> None:
    client = browser()
    client.cookies.set(ACCESS.cookie, ACCESS.secret)
    refused = client.request(method, "/")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:80", "127.0.0.1:81", "localhost.evil.example", "", "[::1]", "0.0.0.0"],
)
def test_other_names_of_the_machine_are_refused(host: str) -> None:
    client = browser()
    client.cookies.set(ACCESS.cookie, ACCESS.secret)
    assert client.get("/", headers={"host": host}).status_code == 403
    assert client.get("/?token=the-token", headers={"host": host}).status_code == 403


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost:80", "LOCALHOST", "lab.example", "lab.example:8443"]
)
def test_its_own_names_and_allowed_ones_are_known(host: str) -> None:
    client = browser()
    client.cookies.set(ACCESS.cookie, ACCESS.secret)
    assert client.get("/", headers={"host": host}).status_code == 200


def test_a_port_of_its_own_must_be_named() -> None:
    access = Access(8123)
    assert access.knows_host("127.0.0.1:8123")
    assert not access.knows_host("127.0.0.1")
    assert access.address.startswith("http://127.0.0.1:8123/?token=")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "file://", "https://127.0.0.1:81", "", "http://[", "http://[x]"]
)
def test_other_origins_are_refused(origin: str) -> None:
    client = browser()
    client.cookies.set(ACCESS.cookie, ACCESS.secret)
    assert client.get("/", headers={"origin": origin}).status_code == 403
    assert client.get("/", headers={"origin": "http://localhost"}).status_code == 200


def test_a_link_of_another_site_leads_to_the_page_although_browsers_withhold_the_new_cookie() -> None:
    welcome = browser().get("/?token=the-token", headers={"sec-fetch-site": "cross-site"})
    assert welcome.status_code == 200
    assert "url=./" in welcome.text
    assert "secret" not in welcome.text


@pytest.mark.parametrize("path", ["/", "/?token=the-token", "/?token=wrong", "/broken"])
def test_every_answer_limits_what_a_browser_does_with_it(path: str) -> None:
    client = browser()
    client.cookies.set(ACCESS.cookie, ACCESS.secret)
    headers = client.get(path).headers
    assert "unsafe" not in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["", "*", "http://lab", "a b", "user@lab", "lab:port", "lab/path", "lab\n"])
def test_what_is_no_name_of_a_machine_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a machine"):
        checked_hosts([name])
