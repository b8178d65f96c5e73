"""How Sphinx builds the documentation: `make docs` writes it into docs/_build/html."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for gallery_setup

import paramsurvey  # noqa: E402

# The examples of the gallery say nothing on stderr, and run on two workers wherever they are built.
os.environ.update(PARAMSURVEY_VERBOSE="0", PARAMSURVEY_VSTATS="0", PARAMSURVEY_NCORES="2")

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
default_role = "code"  # `name` in docstrings
highlight_language = "none"

# ---- pages

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
}

# ---- the look

html_theme = "pydata_sphinx_theme"
html_title = "paramsurvey"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/favicon.svg"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
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
