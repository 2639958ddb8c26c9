"""
How the pages become a site: `make docs`.

They are written to be read as they are, too, and the tables of ``index.md`` give the site its order. Only
``api.rst`` is made for Sphinx: it draws on the docstrings.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import airflow_provider

HERE = Path(__file__).parent

project = "Agent Knowledge: an Apache Airflow provider"
release = airflow_provider.__version__
html_title = f"Agent Knowledge {release}"
html_theme = "furo"
html_show_copyright = False
extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True}
python_maximum_signature_line_length = 80


def add_the_order(app: Any, page: str, source: list[str]) -> None:
    """Make the tables of ``index.md`` the site's navigation, one part for each heading."""
    if page != "index":
        return
    for part in re.split(r"^## ", source[0], flags=re.MULTILINE)[1:]:
        heading = part.partition("\n")[0]
        pages = re.findall(r"^\| \[[^]]+\]\(([^)]+)\.(?:md|rst)\)", part, flags=re.MULTILINE)
        source[0] += "\n".join(
            ["\n\n```{toctree}", ":hidden:", f":caption: {heading}", "", *pages, "```", ""]
        )


def setup(app: Any) -> None:
    app.connect("source-read", add_the_order)
