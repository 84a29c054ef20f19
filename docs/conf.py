"""Settings of the documentation, which `make docs` builds with Sphinx."""

from langchain_claude_cloud import __version__

project = "langchain-claude-cloud"
author = "The langchain-claude-cloud authors"
release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_llms_txt",
]
exclude_patterns = ["_build"]
nitpicky = True
# Types of other projects, which are documented elsewhere.
nitpick_ignore_regex = [
    ("py:.*", r"(?!langchain_claude_cloud).*"),
    ("py:.*", r"langchain_claude_cloud\.(errors\.types|testing\.(scripting|recording)).*"),
    ("py:.*", r"langchain_claude_cloud\.(response|calls|routing|catalogue|batch)\..*"),
]

myst_enable_extensions = ["colon_fence", "fieldlist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = "langchain-claude-cloud"
html_show_sourcelink = False

autodoc_member_order = "bysource"
autodoc_typehints = "description"
napoleon_numpy_docstring = False
# A code span in single backticks is a name of the package or of Python, not always a link.
default_role = "code"

llms_txt_title = "langchain-claude-cloud"
llms_txt_summary = (
    "A LangChain chat model for Claude on Google Cloud Vertex AI and on Amazon Bedrock."
)
