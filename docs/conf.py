"""Settings of the documentation; built by ``make docs`` without any network."""

import logging
import sys
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from omapush import __version__  # noqa: E402 - the path has to be set first

project = "omapush"
author = "The omapush authors"
copyright = "The omapush authors"  # noqa: A001 - the name that Sphinx reads
release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.apidoc",
    "sphinx.ext.autodoc",
]
root_doc = "index"
exclude_patterns = ["_build", "api/modules/modules.rst"]

# The pages of the modules are written at each build; docs/api/.gitignore keeps them out of git.
apidoc_modules = [
    {
        "path": "../src/omapush",
        "destination": "api/modules",
        "exclude_patterns": ["**/migrations/**", "**/__main__.py"],
        "separate_modules": True,
        "module_first": True,
        "max_depth": 2,
        "automodule_options": {"members", "undoc-members", "show-inheritance", "ignore-module-all"},
    }
]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
add_module_names = False
# Every page repeats the whole table of contents; the modules stand beside it, linked from
# api/index, or the build would take minutes.
toc_object_entries = False

# A reference that somebody wrote must lead somewhere; see also setup(). Other libraries are not
# looked up, for there may be no network.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!omapush).*")]
# The built-in "type" in an annotation looks like every attribute of that name.
suppress_warnings = ["ref.python", "toc.not_included"]
logging.getLogger("alembic").setLevel(logging.WARNING)

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"omapush {release}"
html_copy_source = False
html_show_sourcelink = False


def setup(app: Sphinx) -> None:
    """Let references pass that nobody wrote: type variables and private names in signatures."""
    app.connect("warn-missing-reference", _is_of_a_signature)


def _is_of_a_signature(_app: Sphinx, _domain: object, node: nodes.Element) -> bool | None:
    # What autodoc makes out of a signature has no place in any source.
    return None if node.source else True
