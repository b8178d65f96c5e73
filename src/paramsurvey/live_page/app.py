"""The page's addresses, and what each of them answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from paramsurvey.checkpoint.plain_files import checkpoint_path
from paramsurvey.errors import CheckpointError
from paramsurvey.live_page.access import Access, Guard
from paramsurvey.live_page.cells import chosen_places, listed
from paramsurvey.live_page.now import Now, Watching
from paramsurvey.live_page.now_html import now_html, pset_link, title
from paramsurvey.live_page.pages import (
    list_page,
    message_page,
    pset_page,
    running_page,
    survey_page,
    waiting_page,
)
from paramsurvey.live_page.sections import Sections, Shown, running_places
from paramsurvey.live_page.single_pset import find_pset
from paramsurvey.report.page import slicer_script, stylesheet

SMALL = 1000  # bytes: less than this is not worth compressing
LARGEST = 2**63
NUMBERS = "The psets are numbered 0, 1, 2 and so on."


class SurveyPages:
    """Answers for one checkpoint.

    Parameters
    ----------
    directory : str
    """

    def __init__(self, directory: str) -> None:
        self._name = directory
        self._directory = checkpoint_path(directory)
        self._watching = Watching(self._directory)
        self.sections = Sections(self._directory, pset_link)
        self._last_json: tuple[Now, Mapping[str, str], bytes] | None = None

    def routes(self) -> list[Route]:
        """Return all addresses."""
        pages: Mapping[str, Callable[[Request], Response]] = {
            "/": self.survey,
            "/now": self.now,
            "/section/{name}": self.section,
            "/cells": self.cells,
            "/psets": self.psets,
            "/pset": self.chosen_pset,
            "/pset/{number}": self.pset,
            "/style.css": style,
            "/slicer.js": slicer,
            "/live.js": live,
            "/pset.js": one_pset,
        }
        return [Route(path, answer, methods=["GET"]) for path, answer in pages.items()]

    def _look(self) -> Now:
        now = self._watching.now()
        self.sections.look(now.status)
        return now

    def survey(self, request: Request) -> Response:
        """Return the survey's page."""
        return HTMLResponse(survey_page(self._look(), self.sections.shown, self._name))

    def now(self, request: Request) -> Response:
        """Return what changes every second, and which sections have changed, for the page's script."""
        now, shown = self._look(), self.sections.shown
        last = self._last_json
        if last is None or last[0] is not now or last[1] is not shown.sections:  # once for all tabs
            # Not `shown` itself, which would keep the whole survey in memory.
            self._last_json = last = (now, shown.sections, now_json(now, shown))
        return Response(last[2], media_type="application/json")

    def section(self, request: Request) -> Response:
        """Return one section."""
        name = request.path_params["name"]
        sections = self.sections.shown.sections
        if name not in sections:
            return HTMLResponse(
                message_page("There is no such section", "Go back to the survey.", "../"), 404
            )
        return HTMLResponse(sections[name])

    def cells(self, request: Request) -> Response:
        """Return the slicer's data."""
        return Response(self.sections.shown.cells, media_type="application/json")

    def psets(self, request: Request) -> Response:
        """Return the psets of a cell of the slicer."""
        shown = self.sections.shown
        names, labels = request.query_params.getlist("at"), request.query_params.getlist("is")
        try:
            if shown.subject is None or not names:
                raise KeyError
            chosen = chosen_places(names, labels, shown.axes)
            head, rows, more = listed(shown.subject.data, shown.axes, chosen)
        except (KeyError, ValueError):
            said = "There is no such cell, or no longer: choose one in the slices."
            return HTMLResponse(message_page("No psets", said), 404)
        except FileNotFoundError:
            return _again("Parts of the checkpoint have just been merged: load the page again.")
        return HTMLResponse(list_page(list(zip(names, labels, strict=True)), rows, head, more))

    def chosen_pset(self, request: Request) -> Response:
        """Lead to the pset whose number was typed."""
        number = _number(request.query_params.get("number", ""))
        if number is None:
            return HTMLResponse(message_page("No pset", NUMBERS), 404)
        return RedirectResponse(f"pset/{number}", 303)

    def pset(self, request: Request) -> Response:
        """Return the page about one pset."""
        number = _number(request.path_params["number"])
        if number is None:
            return HTMLResponse(message_page("No pset", NUMBERS, "../"), 404)
        now = self._watching.now()  # first: of a survey that has ended, everything is stored
        try:
            found = find_pset(self._directory, number)
        except CheckpointError as error:
            return HTMLResponse(message_page(f"Pset {number}", str(error), "../"), 500)
        if found is not None:
            return HTMLResponse(pset_page(found, self.sections.shown.subject))
        for one in now.running if now.status in ("running", "died") else ():
            if one["number"] == number:
                return HTMLResponse(running_page(one, _worker_of(now, number), now.is_running))
        if now.is_running and 0 <= number - now.first_position < now.total:
            return HTMLResponse(waiting_page(number))
        said = "Nothing about it is stored: it has not run yet, or there is no such pset."
        is_final = bool(now.status) and not now.is_running
        return HTMLResponse(message_page(f"Pset {number}", said, "../", is_final), 404)


def now_json(now: Now, shown: Shown) -> bytes:
    """Return what changes every second, and which sections have changed, as JSON."""
    running = [one["values"] for one in now.running] if now.is_running else []
    content = {
        "title": title(now),
        "html": now_html(now, shown.complaints, shown.status),
        "live": now.is_running,
        "digests": shown.digests,
        "running": asdict(running_places(running, shown.axes)),
    }
    return bytes(JSONResponse(content).body)


def _number(text: str) -> int | None:
    """Return the number of a pset that an address has; None if no pset could have it."""
    is_one = text.isascii() and text.isdigit() and len(text.lstrip("0")) <= len(str(LARGEST))
    number = int(text) if is_one else LARGEST
    return number if number < LARGEST else None


def _worker_of(now: Now, number: int) -> Mapping[str, Any] | None:
    wanted = number - now.first_position
    return next((one for one in now.live.get("workers", ()) if one["running"] == wanted), None)


def _again(said: str) -> Response:
    return HTMLResponse(message_page("Try again", said), 503, {"Retry-After": "1"})


def style(request: Request) -> Response:
    """Return the styles: those of the report, and the page's own."""
    return Response(stylesheet() + _file("live.css"), media_type="text/css")


def slicer(request: Request) -> Response:
    """Return the slicer's script."""
    return Response(slicer_script(), media_type="text/javascript")


def live(request: Request) -> Response:
    """Return the page's own script."""
    return Response(_file("live.js"), media_type="text/javascript")


def one_pset(request: Request) -> Response:
    """Return the script for the page of a running pset."""
    return Response(_file("pset.js"), media_type="text/javascript")


def not_found(request: Request, why: Exception) -> Response:
    """Return a page for an address that does not exist."""
    root = "../" * (request.url.path.count("/") - 1) or "./"
    return HTMLResponse(message_page("There is no such page", "Go back to the survey.", root), 404)


@cache
def _file(name: str) -> str:
    return files("paramsurvey.live_page").joinpath(name).read_text(encoding="utf-8")


def page_app(directory: str, access: Access) -> Starlette:
    """Return the application that serves a checkpoint's page.

    Parameters
    ----------
    directory : str
    access : Access
    """
    pages = SurveyPages(directory)
    guards = [Middleware(Guard, access=access), Middleware(GZipMiddleware, minimum_size=SMALL)]
    app = Starlette(routes=pages.routes(), middleware=guards, exception_handlers={404: not_found})
    app.state.pages = pages
    return app
