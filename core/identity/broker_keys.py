"""What an installation keeps in the broker is told from another's by how its keys begin."""


def key_prefix(identity: str) -> str:
    """What every key and channel of an installation begins with, so that several may use one server
    and one database in it. ``identity``: its id; "" before the first start, when nothing is sent.
    """
    return f"modelyard.{identity}." if identity else "modelyard."
