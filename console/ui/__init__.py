"""The console's design system: template tags, HTML builders and vendored browser assets."""
