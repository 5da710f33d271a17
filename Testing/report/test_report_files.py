"""The pages' HTML, styles and scripts, checked by their own tools."""

import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

VOID = {"meta", "link", "input", "img", "br"}


def files(repository, suffix):
    return sorted((repository / "Resources" / "Report").glob(f"*{suffix}"))


class Tags(HTMLParser):
    """Open tags, and those that are closed in another order or name an id twice."""

    def __init__(self):
        super().__init__()
        self.open, self.wrong, self.ids = [], [], []

    def handle_starttag(self, tag, attributes):
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append((tag, self.getpos()))


def test_every_page_closes_its_tags_and_names_each_id_once(repository):
    for path in files(repository, ".html"):
        tags = Tags()
        tags.feed(path.read_text(encoding="utf-8"))
        assert (tags.open, tags.wrong) == ([], []), path.name
        assert len(tags.ids) == len(set(tags.ids)), path.name


@pytest.mark.node
@pytest.mark.skipif(shutil.which("node") is None, reason="node is missing")
def test_every_script_is_javascript(repository):
    for path in files(repository, ".js"):
        run = subprocess.run(["node", "--check", path], capture_output=True, encoding="utf-8")
        assert run.returncode == 0, run.stderr


def test_scripts_and_styles_have_short_lines_without_blanks_at_their_end(repository):
    for path in (*files(repository, ".js"), *files(repository, ".css"), *files(repository, ".html")):
        text = path.read_text(encoding="utf-8")
        assert text.endswith("\n") and not text.endswith("\n\n"), path.name
        for number, line in enumerate(text.splitlines(), start=1):
            assert len(line) <= 120 and line == line.rstrip() and "\t" not in line, f"{path.name}:{number}"


def test_chromium_keeps_every_rule_of_the_styles(page, repository):
    for path in files(repository, ".css"):
        page.set_content(f"<style>{path.read_text(encoding='utf-8')}</style>")
        kept = page.evaluate(
            "[...document.styleSheets[0].cssRules].flatMap((one) => (one.media ? [...one.cssRules] : [one])).length"
        )
        text = path.read_text(encoding="utf-8")
        assert kept == text.count("{") - text.count("@media"), path.name


def test_every_id_that_the_scripts_ask_for_is_in_the_page(repository):
    tags = Tags()
    tags.feed((repository / "Resources" / "Report" / "overview.html").read_text(encoding="utf-8"))
    for path in files(repository, ".js"):
        asked = set(re.findall(r'\$\("([\w-]+)"\)', path.read_text(encoding="utf-8")))
        assert asked <= set(tags.ids), path.name
