"""The apps of the project, once. Settings, routes, translations, import contract, house rules and
tests read them here; nothing of Django is needed for it."""

#: what a tenant has or does, each app above the ones before it
DOMAIN_APPS = (
    "accounts",
    "sharing",
    "storage",
    "compute",
    "datasets",
    "registry",
    "training",
    "serving",
    "ops",
)
#: lowest first: an app imports only what stands before it
APPS = ("core", "console", *DOMAIN_APPS)
#: all packages of the product: the client of the API and its demonstration are no Django apps
PACKAGES = ("client", *APPS, "demo")
