"""The directory of a file's parts in a picture's XMP ("GContainer": Ultra HDR 1.1, Motion Photo 1.0)."""

import re

ITEMS_MAX = 100
ITEM = re.compile(rb"<\w*Container\w*:Item\b[^>]*>(?:(?!</?rdf:li).){0,2000}", re.DOTALL)


def item_starts(xmp: bytes, end_of_first: int) -> set[int]:
    """Where the parts behind the first one begin that the directory lists with their lengths in bytes."""
    starts: set[int] = set()
    position = end_of_first
    for number, found in enumerate(ITEM.finditer(xmp)):
        length, padding = _number(found[0], b"Length"), _number(found[0], b"Padding")
        if number == 0:  # the picture itself, which needs no length
            position += padding
            continue
        if not length or number > ITEMS_MAX:
            break
        starts.add(position)
        position += length + padding
    return starts


def _number(item: bytes, name: bytes) -> int:
    """The value of an attribute or element of that name; 0 without one."""
    found = re.search(rb":" + name + rb"(?:\s*=\s*[\"']|\s*>)\s*(\d{1,10})", item)
    return int(found[1]) if found else 0
