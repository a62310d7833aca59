"""Storage of the static files: hashed names, compressed, ES modules included."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFilesStorage(CompressedManifestStaticFilesStorage):
    """WhiteNoise's storage that also rewrites `import "./x.js"` in our modules.

    Without it a module would import its siblings by names that never change, so a browser could
    mix the modules of two releases.
    """

    support_js_module_import_aggregation = True
