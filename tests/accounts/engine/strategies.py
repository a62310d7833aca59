"""Random policies and requests that meet often enough to make every rule matter."""

import os
from typing import Any

from hypothesis import strategies as st

# How many random cases each property tries; raise it for a longer search.
EXAMPLES = int(os.environ.get("MODELYARD_EXAMPLES", "250"))

SERVICES = ["modelarts", "obs", "iam", "newservice"]
TYPES = ["notebook", "trainJob", "bucket", "object", "users"]
OPERATIONS = ["list", "listAll", "create", "delete", "deleteNode", "GetObject", "undelete"]
KEYS = ["modelarts:poolType", "g:TagKeys", "g:UserName", "g:MFAAge", "g:MFAPresent", "g:SourceIp"]
WORDS = ["public", "dedicated", "PUBLIC", "team", "cost", "te*", "?eam", "a*b"]
SEGMENTS = ["team1", "team10", "secret", "a", "b.csv", "Team1"]
ACCOUNTS = ["1000000001", "2000000002"]


def segment(names: list[str]) -> st.SearchStrategy[str]:
    exact = st.sampled_from(names)
    return st.one_of(
        exact,
        exact.map(str.upper),
        st.just("*"),
        exact.map(lambda n: n[:3] + "*"),
        exact.map(lambda n: "*" + n[-3:]),
        exact.map(lambda n: n[0] + "*" + n[-1]),
    )


action_patterns = st.one_of(
    st.just("*"),
    st.tuples(segment(SERVICES), segment(TYPES), segment(OPERATIONS)).map(":".join),
)
actions = st.tuples(
    st.sampled_from(SERVICES), st.sampled_from(TYPES), st.sampled_from(OPERATIONS)
).map(":".join)

plain_paths = st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=4).map("/".join)
messy = st.sampled_from([*SEGMENTS, ".", "..", "", "%73ecret", "%2e%2e", "%252e", "secr%65t"])
messy_paths = st.lists(messy, min_size=1, max_size=5).map("/".join).filter(lambda p: p.strip("/"))
path_patterns = st.one_of(
    st.just("*"),
    plain_paths,
    plain_paths.map(lambda p: p + "/*"),
    plain_paths.map(lambda p: "*/" + p),
    plain_paths.map(lambda p: p[: len(p) // 2] + "*" + p[-1]),
)
resource_patterns = st.one_of(
    st.just("*"),
    st.tuples(
        st.sampled_from(["obs", "*", "modelarts", "OBS", "iam"]),
        st.sampled_from(["*", "cn-north-4", "cn-*"]),
        st.sampled_from(["*", "*", *ACCOUNTS]),
        st.sampled_from(["object", "bucket", "*", "ob*"]),
        path_patterns,
    ).map(":".join),
)


@st.composite
def questions(draw: st.DrawFn, always_resource: bool = False) -> tuple[str, str | None]:
    """(action, resource): the resource mostly belongs to the action's service, as real ones do."""
    action = draw(actions)
    if not always_resource and draw(st.integers(0, 2)) == 0:
        return action, None
    service = action.split(":")[0] if draw(st.integers(0, 19)) else draw(st.sampled_from(SERVICES))
    region = draw(st.sampled_from(["cn-north-4", "cn-east-3", ""]))
    account = draw(st.sampled_from([ACCOUNTS[0], ACCOUNTS[0], ACCOUNTS[0], ACCOUNTS[1]]))
    kind = draw(st.sampled_from(["object", "bucket"]))
    path = draw(st.one_of(plain_paths, messy_paths))
    return action, f"{service}:{region}:{account}:{kind}:{path}"


numbers = st.sampled_from(["0", "10", "10.0", "-3", "600", "soon"])
booleans = st.sampled_from(["true", "False", "perhaps"])
addresses = st.sampled_from(["10.0.0.1", "10.9.9.9", "192.168.1.1", "2001:db8::1", "nowhere"])
networks = st.sampled_from(["10.0.0.0/24", "10.0.0.1", "192.168.0.0/16", "2001:db8::/32", "x"])
dates = st.sampled_from(["2027-01-31T12:00:00Z", "2027-01-31", "1800000000", "later"])
words = st.sampled_from(WORDS)

STRING = ["StringEquals", "StringEqualsIgnoreCase", "StringLike", "StringMatch", "StringStartWith"]
STRING += ["StringEndWith", "StringNotEquals", "StringNotEqualsIgnoreCase", "StringNotLike"]
STRING += ["StringNotMatch", "StringNotStartWith", "StringNotEndWith"]
ORDER = ["Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"]
FAMILIES = [
    (STRING, words, True),
    ([f"Number{o}" for o in ORDER], numbers, True),
    ([f"Date{o}" for o in ORDER], dates, True),
    (["IpAddress", "NotIpAddress"], networks, True),
    (["Bool"], booleans, False),
    (["StringEqual", "StringMatches", "Frobnicate"], words, False),
]


@st.composite
def condition_lines(draw: st.DrawFn) -> tuple[str, str, list[str]]:
    names, values, any_of = draw(st.sampled_from(FAMILIES))
    operator = draw(st.sampled_from(names))
    if any_of and draw(st.booleans()):
        operator += "AnyOf"
    operator += draw(st.sampled_from(["", "", "IfExists"]))
    operator = draw(st.sampled_from(["", "", "ForAllValues:", "ForAnyValue:"])) + operator
    wanted = draw(st.lists(values, min_size=1, max_size=3))
    if draw(st.integers(0, 9)) == 0:
        operator, wanted = "Null", [draw(st.sampled_from(["true", "false"]))]
    if draw(st.integers(0, 5)) == 0:
        operator = operator.lower()
    return operator, draw(st.sampled_from(KEYS)), wanted


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, dict[str, list[str]]]:
    block: dict[str, dict[str, list[str]]] = {}
    for operator, key, wanted in draw(st.lists(condition_lines(), min_size=1, max_size=3)):
        block.setdefault(operator, {})[key] = wanted
    return block


@st.composite
def statements(
    draw: st.DrawFn, effects: tuple[str, ...] = ("Allow", "Allow", "ALLOW", "Deny", "deny")
) -> Any:
    made: dict[str, Any] = {
        "Effect": draw(st.sampled_from(effects)),
        "Action": draw(st.lists(action_patterns, min_size=1, max_size=3)),
    }
    if draw(st.integers(0, 2)) == 0:
        made["Resource"] = draw(st.lists(resource_patterns, min_size=1, max_size=2))
    if draw(st.integers(0, 2)) == 0:
        made["Condition"] = draw(conditions())
    if draw(st.integers(0, 39)) == 0:
        made["NotAction"] = made.pop("Action")
    return made


documents = st.lists(statements(), min_size=1, max_size=4).map(
    lambda s: {"Version": "1.1", "Statement": s}
)
policies = st.lists(documents, min_size=0, max_size=3)

context_values = st.one_of(
    words, numbers, booleans, addresses, dates, st.booleans(), st.lists(words, max_size=3)
)
contexts = st.dictionaries(
    st.one_of(st.sampled_from(KEYS), st.sampled_from(KEYS).map(str.upper)),
    context_values,
    max_size=4,
)
