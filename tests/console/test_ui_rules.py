"""The rules that keep the design system whole: strict CSP, contexts said, vendored files locked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import get_template

from console.app_list import APPS
from console.ui import html, vendor
from console.ui.icons import ICONS

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
MODULES = sorted((ROOT / "static" / "console").glob("*.js"))


class TestRules:
    """House rules about templates and browser files."""

    @pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: str(p.relative_to(ROOT)))
    def test_no_inline_script_style_or_handler(self, path: Path) -> None:
        text = re.sub(
            r"\{%\s*comment\s*%\}.*?\{%\s*endcomment\s*%\}", "", path.read_text(), flags=re.S
        )
        assert not re.search(r"\sstyle\s*=", text), "style attributes are forbidden by the policy"
        assert "<style" not in text
        assert not re.search(r"\son[a-z]+\s*=\s*[\"']", text), "handlers belong into modules"
        assert not re.search(r"\bhx-(on|vals=['\"]js)", text)
        assert "javascript:" not in text
        for tag in re.findall(r"<script\b[^>]*>", text):
            assert re.search(r"\bsrc=", tag), f"inline script {tag}"

    @pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: str(p.relative_to(ROOT)))
    def test_template_compiles_and_says_its_context(self, path: Path) -> None:
        get_template(str(path.relative_to(ROOT / "templates")))
        assert "{% comment %}" in path.read_text()[:200], "start with Blocks and Context"

    @pytest.mark.parametrize("path", MODULES, ids=lambda p: p.name)
    def test_modules_build_no_markup_from_text(self, path: Path) -> None:
        text = path.read_text()
        for forbidden in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "eval(",
            "new Function",
            "document.write",
            'setAttribute("style"',
            "cssText",
        ):
            assert forbidden not in text

    def test_every_icon_named_in_the_sources_is_in_the_sprite(self) -> None:
        sprite = (vendor.TARGET / "tabler-icons-3.51.0" / "sprite.svg").read_text()
        drawn = set(re.findall(r'<symbol id="([a-z0-9-]+)"', sprite))
        assert drawn == ICONS
        used: dict[str, Path] = {}
        for path in TEMPLATES:
            for name in re.findall(
                r'\{%\s*icon\s+"([^"]+)"|\bicon="([a-z0-9-]+)"', path.read_text()
            ):
                used[next(filter(None, name))] = path
        for room in APPS:
            for path in (ROOT / room).rglob("*.py"):
                for name in re.findall(
                    r"\bicon=\"([a-z0-9-]+)\"|\"icon\": \"([a-z0-9-]+)\"", path.read_text()
                ):
                    used[next(filter(None, name))] = path
        missing = {name: str(path) for name, path in used.items() if name not in ICONS}
        assert not missing, "add them to console/ui/icons.txt and run python -m console.ui.vendor"

    def test_vendored_files_match_the_lock(self) -> None:
        assert vendor.differences() == []

    def test_every_vendored_package_carries_its_licence(self) -> None:
        for package in vendor.PACKAGES:
            licence = (vendor.TARGET / package.folder / "LICENSE").read_text()
            assert len(licence) > 300

    def test_a_changed_vendored_file_is_noticed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        target = tmp_path / "static" / "vendor"
        for path in vendor.TARGET.rglob("*"):
            if path.is_file():
                copy = target / path.relative_to(vendor.TARGET)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(path.read_bytes())
        monkeypatch.setattr(vendor, "TARGET", target)
        monkeypatch.setattr(vendor, "ROOT", tmp_path)
        assert vendor.differences() == []
        (target / "htmx.org-2.0.11" / "htmx.min.js").write_text("alert(1)")
        (target / "extra.js").write_text("alert(2)")
        assert len(vendor.differences()) == 2

    def test_templates_name_the_vendored_folders(self) -> None:
        folders = {package.folder for package in vendor.PACKAGES}
        for path in TEMPLATES:
            for folder in re.findall(r'static "vendor/([^/"]+)/', path.read_text()):
                assert folder in folders, path
        assert html.SPRITE.split("/")[1] in folders
