"""How Sphinx builds the documentation: `make docs` writes it into docs/_build/html."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for gallery_setup

import paramsurvey  # noqa: E402

# The examples of the gallery say nothing on stderr, and run on two workers wherever they are built.
os.environ.update(PARAMSURVEY_VERBOSE="0", PARAMSURVEY_VSTATS="0", PARAMSURVEY_NCORES="2")
programs = os.path.dirname(sys.executable)  # where paramsurvey is installed, for those that run it in a shell
os.environ["PATH"] = os.pathsep.join([programs, os.environ.get("PATH", os.defpath)])

project = "paramsurvey"
author = "the paramsurvey developers"
copyright = author
version = release = paramsurvey.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "examples", "gallery/*.py.md5"]
templates_path = ["_templates"]
smartquotes = False  # quotes and dashes stay what they are in the sources
toc_object_entries_show_parents = "hide"
default_role = "code"  # `name` in docstrings
highlight_language = "none"

# ---- pages


def link_to_the_gallery(app: Any, docname: str, source: list[str]) -> None:
    """Let links to the programs of the gallery, right where the sources are read, lead to its pages."""
    source[0] = re.sub(r"\]\(((?:\.\./)*)examples/(\w+)\.py\)", r"](\1gallery/\2.rst)", source[0])
    source[0] = source[0].replace("examples/GALLERY_HEADER.rst)", "gallery/index.rst)")


def let_tables_break(app: Any, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Mark where long names and paths in tables may go on in the next line, and where numbers may not."""

    def breaking(table: re.Match[str]) -> str:
        whole = re.sub(r"(?<=\d) (?=of \d|%|(?:s|ms|µs|kB|MB|GB)\b)|(?<=[≥≤]) (?=\d)", "&nbsp;", table[0])
        return titled(re.sub(r'(?<=<span class="pre">)[^<]{12,}', marked, whole))

    def marked(code: re.Match[str]) -> str:
        return re.sub(r"(?<=[\w)\]])([/.:=,](?=\w)|(?<!_)__?(?=[^\W_]))", r"\1<wbr>", code[0])

    body = re.sub(r"<table.*?</table>", breaking, context.get("body", ""), flags=re.DOTALL)
    option = r'<span class="pre">(?=--?\w[^<]{0,20}</span>)'
    context["body"] = re.sub(option, '<span class="pre option">', body)


def let_neighbours_break(app: Any, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Mark where long names of the pages before and after may go on in the next line."""
    for way in ("prev", "next"):
        if context.get(way):
            title = re.sub(r"(?<=[^\W\d])([_.])(?=\w)(?![^<]*>)", r"\1<wbr>", context[way]["title"])
            context[way] = {**context[way], "title": title}


def titled(table: str) -> str:
    """Give each cell the title of its column, for telephones, if there are more than two columns."""
    head = re.search(r"<thead>.*?</thead>", table, flags=re.DOTALL)
    titles = re.findall(r"<th\b.*?</th>", head[0], flags=re.DOTALL) if head else []
    if len(titles) < 3 or "dataframe" in table:
        return table
    texts = [re.sub(r"<[^>]+>", "", title).strip().replace('"', "&quot;") for title in titles]
    at = itertools.cycle(texts)
    return re.sub(r"<td\b", lambda cell: f'<td data-title="{next(at)}"', table)


def link_pictures(app: Any, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Let each picture lead to itself, where it can be enlarged, and mark those too wide for a telephone."""
    folders = [Path(app.srcdir, "_static/pictures"), Path(app.srcdir, "gallery/images")]

    def linked(picture: re.Match[str]) -> str:
        files = [folder / Path(picture[1]).name for folder in folders]
        if not any(file.exists() for file in files):
            return picture[0]
        kind = "picture wide" if width_of(next(filter(Path.exists, files))) > WIDE else "picture"
        return f'<a class="{kind}" href="{picture[1]}">{picture[0]}</a>'

    pattern = r'<img [^>]*\bsrc="([^"]*_images/[^"]+)"[^>]*>'
    context["body"] = re.sub(pattern, linked, context.get("body", ""))


WIDE = 720  # pixels of a picture: at half of it, the letters can still be read


def width_of(picture: Path) -> float:
    if picture.suffix == ".svg":
        found = re.search(r'<svg [^>]*\bwidth="([\d.]+)"', picture.read_text(encoding="utf-8"))
        return float(found[1]) if found else 0.0
    return int.from_bytes(picture.read_bytes()[16:20], "big")  # where a PNG file has it


def take_reports(app: Any, exception: Exception | None) -> None:
    """Put the reports that surveys of the gallery have written beside the pages."""
    if exception is None and app.builder.format == "html":
        place = Path(app.outdir, "reports")
        place.mkdir(exist_ok=True)
        for report in (HERE / "examples").glob("*.html"):
            shutil.copy(report, place)


def is_not_public(app: Any, what: str, name: str, thing: Any, skip: bool, options: Any) -> bool | None:
    """Leave out of the reference what the page of public names does not have."""
    return None if name in PUBLIC else True


PUBLIC = set(re.findall(r"\w+", (HERE / "api.md").read_text(encoding="utf-8")))


def setup(app: Any) -> None:
    app.connect("source-read", link_to_the_gallery)
    app.connect("html-page-context", let_tables_break)
    app.connect("html-page-context", let_neighbours_break)
    app.connect("html-page-context", link_pictures)
    app.connect("autodoc-skip-member", is_not_public)
    app.connect("build-finished", take_reports)


myst_heading_anchors = 4
myst_links_external_new_tab = False

# ---- docstrings

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings tell the types in words
autodoc_member_order = "bysource"
python_maximum_signature_line_length = 90
numpydoc_show_class_members = False  # the class pages list them

# ---- the gallery

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "ignore_pattern": r"^$" if shutil.which("cc") else "in_c.py$",  # it needs a C compiler
    "within_subsection_order": "FileNameSortKey",
    "reset_modules": ("matplotlib", "gallery_setup.start_afresh"),
    "image_scrapers": ("matplotlib",),
    "download_all_examples": False,
    "write_computation_times": False,
    "min_reported_time": 1e9,  # seconds: how long an example took on this machine is of no interest
    "show_memory": False,
    "show_signature": False,
    "remove_config_comments": True,
    "capture_repr": ("_repr_html_", "__repr__"),
    "ignore_repr_types": r"subprocess\.CompletedProcess",
}

# ---- the look


def announcement_of(version: str, changelog: str) -> str:
    """Return what stands above every page, as long as the changelog has no heading for a version."""
    if re.search(rf"^## {re.escape(version)} ", changelog, re.MULTILINE):
        return ""
    return (
        f"Version {version} is not published yet, and pip knows an older one. Where a page says "
        "<code>pip install 'paramsurvey[NAME]'</code>, take a clone, and type "
        "<code>pip install '.[NAME]'</code> there."
    )


html_theme = "pydata_sphinx_theme"
html_title = "paramsurvey"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/favicon.svg"
html_show_sourcelink = False
html_domain_indices = False  # of modules there is one that has a page
html_copy_source = False
html_theme_options = {
    "announcement": announcement_of(version, (HERE.parent / "CHANGELOG.md").read_text(encoding="utf-8")),
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": [], "changelog": []}
