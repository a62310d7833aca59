"""Generic pages: ordinary classes, each overridable with one import (Declaration.views)."""
