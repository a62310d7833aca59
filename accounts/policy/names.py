"""Names of policies: how they are written, and which of them look like a system policy's."""

from __future__ import annotations

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.policy.system import system_policies

#: as names of resources, and single blanks inside (ModelArts best practices, 2.3.5)
NAME_RULE = re.compile(r"(?=.{1,64}\Z)[0-9A-Za-z一-鿿](?: ?[0-9A-Za-z一-鿿._-])*")
#: says that a name means a system policy, where a custom one may be meant as well
SYSTEM = "system:"


def validate_policy_name(value: str) -> None:
    """Raise ValidationError unless ``value`` is a legal name of a custom policy."""
    if not NAME_RULE.fullmatch(value):
        raise ValidationError(
            _(
                "Use 1 to 64 letters, digits, Chinese characters, “.”, “_”, “-” or single blanks, "
                "starting with a letter or digit."
            ),
            code="NAME_RULE",
        )


#: characters that are drawn alike, after case is gone
ALIKE = str.maketrans({"0": "o", "1": "l", "i": "l", "丨": "l", "ı": "l", "ǀ": "l"})


def look(name: str) -> str:
    """What is left of a name when case, width, blanks, punctuation and the differences of letters
    that are drawn alike are taken away: two names with the same look are taken for each other."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    alike = "".join(c for c in folded if c.isalnum()).translate(ALIKE)
    return alike.replace("rn", "m")


def system_policy_like(name: str) -> str | None:
    """The system policy that ``name`` looks like, or None."""
    wanted = look(name)
    looks = {look(n): n for n in system_policies()}
    return looks.get(wanted) or looks.get(wanted.removeprefix(look("system")))
