"""Storage of the static files: hashed names, compressed, our ES modules included."""

from __future__ import annotations

from typing import Any

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """WhiteNoise's storage that also rewrites `import "./x.js"` in static/console.

    Without it a module would import its siblings by names that never change, so a browser could
    mix the modules of two releases. Django's own switch for this rewrites every script, and
    stumbles over the word "import" inside libraries that are already bundled.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _extension, rules = self._js_module_import_aggregation_patterns
        self.patterns = (*self.patterns, ("console/*.js", rules))  # type: ignore[has-type]
        super().__init__(*args, **kwargs)
        self._addresses: dict[str, str] = {}

    def url(self, name: str | None, force: bool = False) -> str:
        """The hashed address. Names come from templates and the manifest does not change while a
        process lives, so each is looked up once."""
        if force or name is None:
            return str(super().url(name, force))
        known = self._addresses.get(name)
        if known is None:
            known = self._addresses[name] = str(super().url(name, force))
        return known
