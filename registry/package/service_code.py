"""customize_service.py: find the service class by reading the syntax tree, never by importing."""

from __future__ import annotations

import ast
import warnings

from .layout import SERVICE
from .report import Opener, PackageReport

MAX_CODE_BYTES = 2 * 2**20
# Base class -> module that supplies it and the model types it is meant for (vendor: "Specifications
# for Compiling Model Inference Code", table 1). SingleNodeService underlies all of them.
BASES = {
    "PTServingBaseService": ("model_service.pytorch_model_service", ("PyTorch",)),
    "TfServingBaseService": ("model_service.tfserving_model_service", ("TensorFlow",)),
    "XgSklServingBaseService": (
        "model_service.python_model_service",
        ("Scikit_Learn", "XGBoost"),
    ),
    "SingleNodeService": ("model_service.model_service", ()),
}


def check_service(opener: Opener, report: PackageReport) -> None:
    """Fill ``service_class`` and ``base_class``, or record why they cannot be told."""
    if opener.size > MAX_CODE_BYTES:
        report.error(
            "CODE_TOO_LARGE",
            SERVICE,
            f"customize_service.py has {opener.size:,} bytes; the limit is {MAX_CODE_BYTES:,}.",
            "Keep data out of the code.",
        )
        return
    with opener.open() as file:
        source = file.read(MAX_CODE_BYTES + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Invalid escapes in the user's code are theirs.
            tree = ast.parse(source, filename=SERVICE)
    except (SyntaxError, ValueError) as error:  # what is too deep or too large: see .bounded
        line = getattr(error, "lineno", None)
        report.error(
            "CODE_SYNTAX",
            SERVICE,
            f"customize_service.py is not Python 3: {getattr(error, 'msg', error)}"
            + (f" at line {line}." if line else "."),
            "Correct it; run `python -m py_compile customize_service.py` to try.",
            f"line {line}" if line else "",
        )
        return
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    names = _imported_names(tree)
    known: dict[str, str | None] = {}
    services = {}
    for name in classes:
        base = _base_of(name, classes, names, known)
        if base is not None:
            services[name] = base
    parents = {
        ancestor.id
        for name in services
        for ancestor in classes[name].bases
        if isinstance(ancestor, ast.Name)
    }
    leaves = sorted(set(services) - parents)
    if not leaves:
        report.error(
            "NO_SERVICE_CLASS",
            SERVICE,
            "customize_service.py defines no class derived from a model_service base class.",
            f"Derive your class from {_advice(report.model_type)}.",
        )
        return
    if len(leaves) > 1:
        report.error(
            "SEVERAL_SERVICE_CLASSES",
            SERVICE,
            f"customize_service.py defines several service classes: {', '.join(leaves)}.",
            "Keep one; the others may stay in their own files.",
            f"line {classes[leaves[1]].lineno}",
        )
        return
    report.service_class, report.base_class = leaves[0], services[leaves[0]]
    _check_class(leaves[0], classes, report)


def _check_class(name: str, classes: dict[str, ast.ClassDef], report: PackageReport) -> None:
    node = classes[name]
    types = BASES[report.base_class][1]
    if report.model_type and types and report.model_type not in types:
        report.error(
            "BASE_MISMATCH",
            SERVICE,
            f"`{name}` is derived from {report.base_class}, but model_type is {report.model_type}.",
            f"Derive it from {_advice(report.model_type)}.",
            f"line {node.lineno}",
        )
    own = set()
    chain, met = [name], {name}
    while chain:
        current = classes.get(chain.pop())
        if current is not None:
            own |= {
                item.name
                for item in current.body
                if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)
            }
            above = [base.id for base in current.bases if isinstance(base, ast.Name)]
            chain += [one for one in dict.fromkeys(above) if one not in met]
            met.update(above)
    if report.model_type == "PyTorch" and "__init__" not in own:
        report.error(
            "NO_INIT",
            SERVICE,
            f"`{name}` has no __init__; a PyTorch service must load its model there.",
            "Add `def __init__(self, model_name, model_path)` and load the file at model_path.",
            f"line {node.lineno}",
        )
    if report.base_class == "SingleNodeService" and not own & {"_inference", "inference"}:
        report.error(
            "NO_INFERENCE",
            SERVICE,
            f"`{name}` has no _inference; SingleNodeService brings none.",
            "Add `def _inference(self, data)`.",
            f"line {node.lineno}",
        )


def _advice(model_type: str) -> str:
    for base, (module, types) in BASES.items():
        if model_type in types:
            return f"`{module}.{base}`"
    return "`model_service.model_service.SingleNodeService`"


def _imported_names(tree: ast.Module) -> dict[str, str]:
    """Local name -> what it stands for, in dots, for every import of the file."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
    return names


def _base_of(
    name: str,
    classes: dict[str, ast.ClassDef],
    names: dict[str, str],
    known: dict[str, str | None],
) -> str | None:
    """The model_service base that the class ``name`` of this file goes back to. ``known``: what was
    found before; each class is looked at once."""
    if name in known:
        return known[name]
    known[name] = None  # for a class that goes back to itself
    for base in classes[name].bases:
        dotted = _dotted(base)
        head, _, rest = dotted.partition(".")
        full = ".".join(filter(None, (names.get(head, head), rest)))
        for offered, (module, _types) in BASES.items():
            if full == f"{module}.{offered}":
                known[name] = offered
        if known[name] is None and dotted in classes:
            known[name] = _base_of(dotted, classes, names, known)
        if known[name] is not None:
            break
    return known[name]


def _dotted(node: ast.expr) -> str:
    """`a.b.C` as it is written; "" for what is no name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
