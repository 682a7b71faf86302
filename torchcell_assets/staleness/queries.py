"""What a query says: SQL and Cypher without comments and layout.

Belongs here: the words of a query file, by which `uses` tells whether it has changed. Does not: what the query means.

A comment in Python outdates nothing, and so a comment in a query must not either.
"""

import re
from pathlib import Path

_NUMBER = r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_REST = rf"|(?P<word>{_NUMBER}|\w+|[^\w\s])|(?P<layout>\s+)"
_COMMENT = r"(?P<comment>{line}[^\n]*|/\*.*?(?:\*/|\Z))"
_WORDS = {
    # in SQL a quote inside a text is doubled; in Cypher a backslash stands before it, and names stand in backticks
    ".sql": _COMMENT.format(line="--")
    + r"""|(?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)"""
    + _REST,
    ".cypher": _COMMENT.format(line="//")
    + r"""|(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`]|``)*`)"""
    + _REST,
}


def words(path: Path) -> list[str]:
    """The words, texts and signs of a query file in their order; the whole text of a file of another kind.

    Args:
        path: a file that ends in `.sql` or `.cypher`.
    """
    content = path.read_text()
    pattern = _WORDS.get(path.suffix)
    if pattern is None:
        return [content]
    found = re.finditer(pattern, content, re.DOTALL)
    return [one.group() for one in found if one.lastgroup not in ("comment", "layout")]
