"""Check a built site: its links lead somewhere, and no page loads anything from elsewhere.

    python docs/check_site.py docs/_build/html

Links to other sites are not followed: the check needs no network.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"img", "script", "iframe", "source", "video", "audio", "embed", "object", "input", "track"}
LOADING_LINKS = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "modulepreload", "dns-prefetch"}
IN_CSS = re.compile(r"""(?:url\(|@import)\s*["']?([^"')\s;]+)""")


@dataclass
class Page(HTMLParser):
    """What a page refers to, and what it can be referred to by."""

    path: Path
    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        text = self.path.read_text(encoding="utf-8")
        self.loads += IN_CSS.findall("".join(re.findall(r"<style.*?</style>", text, re.DOTALL)))
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in LOADED:
            self.loads += [given[name] for name in ("src", "data", "poster") if name in given]
            self.loads += [one.split()[0] for one in given.get("srcset", "").split(",") if one.strip()]
        if tag == "link" and set(given.get("rel", "").split()) & LOADING_LINKS:
            self.loads.append(given.get("href", ""))
        self.loads += IN_CSS.findall(given.get("style", ""))


@cache
def page(path: Path) -> Page:
    return Page(path)


def problems(site: Path) -> Iterator[str]:
    """Yield a sentence for each broken link, and for each thing that is loaded from elsewhere."""
    for path in pages(site):
        one = page(path)
        for link in dict.fromkeys([*one.links, *one.loads]):
            if is_local(link) and not leads_somewhere(path, link):
                yield f"{path.relative_to(site)}: {link} leads nowhere"
        for link in dict.fromkeys(one.loads):
            if is_elsewhere(link):
                yield f"{path.relative_to(site)}: loads {link}"
    for path in sorted([*site.rglob("*.css"), *site.rglob("*.svg")]):
        text = path.read_text(encoding="utf-8", errors="replace")
        for link in dict.fromkeys(IN_CSS.findall(text)):
            if is_elsewhere(link):
                yield f"{path.relative_to(site)}: loads {link}"


def pages(site: Path) -> list[Path]:
    """Return the site's pages, without the templates that the theme has among its files."""
    return sorted(path for path in site.rglob("*.html") if "_static" not in path.relative_to(site).parts)


def is_elsewhere(link: str) -> bool:
    return link.startswith("//") or urlsplit(link).scheme in {"http", "https", "ftp"}


def is_local(link: str) -> bool:
    return not link.startswith("//") and not urlsplit(link).scheme


def leads_somewhere(path: Path, link: str) -> bool:
    parts = urlsplit(link)
    target = path.parent / unquote(parts.path) if parts.path else path
    if target.is_dir():
        target /= "index.html"
    if not target.exists():
        return False
    anchor = unquote(parts.fragment)
    return not anchor or target.suffix != ".html" or anchor in page(target.resolve()).anchors


def main() -> None:
    site = Path(sys.argv[1]).resolve()
    found = list(problems(site))
    print(*found, sep="\n", file=sys.stderr)
    print(f"{len(pages(site))} pages, {len(found)} problems")
    sys.exit(1 if found or not pages(site) else 0)


if __name__ == "__main__":
    main()
