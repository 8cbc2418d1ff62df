"""The documentation: all links work, and the reference pages are complete."""

import re

import pytest
from places import PROJECT

from samplernn_pd.grammar import parse
from sopilib.commands.main import COMMANDS
from sopilib.errors import RequestError
from sopilib.protocol.messages import MESSAGES, PROTOCOL_VERSION

DOCS = PROJECT / "docs"
FOLDERS = ("docs", "models", "pd", "tests", "bench", "sopilib", "samplernn_pd")
PAGES = sorted(
    [*PROJECT.glob("*.md"), *(page for name in FOLDERS for page in (PROJECT / name).rglob("*.md"))]
)
# pages that refer to files of the repository by path
MAPS = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", DOCS / "architecture.md"]
TOPS = ("sopilib", "samplernn_pd", "pd", "models", "tests", "bench", "docs", ".ci")

of_each_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: str(page.relative_to(PROJECT))
)


def links_in(page):
    """Return the targets of the Markdown links on a page that lead to files or headings."""
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors_of(page):
    """Return the anchors that GitHub gives the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def messages_in_pd():
    """Return the messages that the class accepts, as its answer to an unknown one lists them."""
    with pytest.raises(RequestError) as refusal:
        parse("no_such_message", [])
    return re.search(r"\(there are: (.+)\)", str(refusal.value))[1].split(", ")


@of_each_page
def test_every_link_leads_to_a_file_or_heading(page):
    for target in links_in(page):
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors_of(linked), target


def test_links_and_anchors_are_found_at_all():
    assert "docs/messages.md" in links_in(PROJECT / "README.md")
    assert "no-c-compiler" in anchors_of(DOCS / "troubleshooting.md")


@pytest.mark.parametrize("page", MAPS, ids=lambda page: page.name)
def test_every_path_that_a_page_names_exists(page):
    names = re.findall(r"`([\w.~-]+(?:/[\w.~-]*)+)`", page.read_text(encoding="utf-8"))
    paths = [name for name in names if name.split("/")[0] in TOPS and "NAME" not in name]
    assert len(paths) > 3
    assert [path for path in paths if not (PROJECT / path).exists()] == []


def test_the_readme_is_short():
    assert len((PROJECT / "README.md").read_text(encoding="utf-8").splitlines()) < 200


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_line_page_has_every_subcommand(command):
    assert f"\n## {command}\n" in (DOCS / "command-line.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("message", messages_in_pd())
def test_the_messages_page_has_every_message(message):
    text = (DOCS / "messages.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| .*`{message}[ `]", text, flags=re.M)


@pytest.mark.parametrize("message", messages_in_pd())
def test_the_help_patches_list_every_message(message):
    for name in ("samplernn-help", "samplernn~-help"):
        text = (PROJECT / "pd" / f"{name}.pd").read_text(encoding="utf-8")
        listed = text[text.index(" messages 0;") : text.index(" pd messages;")]
        assert re.search(rf"^#X text \d+ \d+ {message}\b", listed, flags=re.M)


@pytest.mark.parametrize(
    "help_patch", sorted((PROJECT / "pd").glob("**/*-help.pd")), ids=lambda path: path.stem
)
def test_a_help_patch_describes_inlets_outlets_and_licence(help_patch):
    text = help_patch.read_text(encoding="utf-8")
    for key in ("NAME", "KEYWORDS", "DESCRIPTION", "INLET", "OUTLET_", "ARGUMENTS", "LICENSE"):
        assert re.search(rf"^#X text \d+ \d+ {key}", text, flags=re.M), key


def test_the_protocol_page_has_every_message_and_the_version():
    text = (DOCS / "protocol.md").read_text(encoding="utf-8")
    assert text.startswith(f"# The wire protocol, version {PROTOCOL_VERSION}\n")
    assert [name for name in MESSAGES if f"`{name}`" not in text] == []
