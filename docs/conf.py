"""How Sphinx builds this documentation: `make docs`."""

import sys
from pathlib import Path

from docutils.parsers.rst import states

import divkit

sys.path.append(str(Path(__file__).parent / "_extensions"))

project = "divkit"
author = "The divkit developers"
copyright = author
release = version = divkit.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "matplotlib.sphinxext.plot_directive",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "catalogue",
    "methods",
]
exclude_patterns = ["_build", "gallery"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say it in words
numpydoc_show_class_members = False
numpydoc_validation_checks = {
    "GL08",  # no docstring
    "SS03",  # summary without a full stop
    "PR02",  # a description without its parameter
}
# Hypothesis makes its strategies at run time: they have no source to look at.
numpydoc_validation_exclude = {r"divkit\.testing"}

plot_include_source = True
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = [("png", 110)]

# The scripts in gallery/ are run, and become pages with their pictures and what they print.
sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "_gallery",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "capture_repr": (),
    "download_all_examples": False,
    "image_srcset": ["2x"],
    "show_signature": False,
    "write_computation_times": False,
}

html_theme = "furo"
html_title = f"divkit {version}"
html_copy_source = False

# Bars are absolute values in our docstrings, not substitutions, of which there are none.
states.Inliner.dispatch["|"] = lambda inliner, match, line: (
    match.string[: match.end("start")],
    [],
    match.string[match.end("start") :],
    [],
)
