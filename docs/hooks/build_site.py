"""What MkDocs calls when it builds the site: pages that are made, not written."""

import re
from pathlib import Path

from api_pages import api_nav, api_pages
from command_page import command_page
from equations import with_mathml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from settings_page import settings_page

ROOT = Path(__file__).parents[2]

_FROM_README = re.compile(r"<!-- README: (.+?) -->")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made, and those of the API to the navigation."""
    made = {
        "changes.md": _changes(),
        "commands.md": command_page(),
        "settings.md": settings_page(),
        **api_pages(ROOT),
    }
    for name, content in made.items():
        files.append(File.generated(config, name, content=content))
    if config.nav is not None:
        config.nav.append({"API": api_nav(ROOT)})
    return files


def _changes() -> str:
    """The changelog as MkDocs wants it: items apart, and indented by four."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    text = re.sub(r"^ +", lambda match: 2 * match[0], text, flags=re.MULTILINE)
    return re.sub(r"^- ", "\n- ", text, flags=re.MULTILINE)


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Put code blocks of the README where a page asks for them."""

    def block(match: re.Match[str]) -> str:
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        found = re.search(
            rf"<!-- {re.escape(match[1])} -->\n(```.+?\n```)\n", readme, re.DOTALL
        )
        if found is None:
            raise PluginError(
                f"{page.file.src_uri} asks for the code block after <!-- {match[1]} "
                "--> of README.md, which has none: mark it there"
            )
        return found[1]

    return _FROM_README.sub(block, markdown)


def on_page_content(html: str, page: Page, **_: object) -> str:
    """Turn equations into MathML, which browsers set without any script."""
    return with_mathml(html, page.file.src_uri)
