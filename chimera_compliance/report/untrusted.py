"""Text that came from a target, made safe to look at: what cannot be seen is shown by its code point.

Escape sequences steer terminals, bidirectional controls reorder what is read (Unicode TR 36, CVE-2021-42574),
and XML 1.0 has no way at all to carry most control characters.
"""

import re

# Controls but tab and newline, soft hyphen, joiners, bidirectional and other invisible formatting, line and
# paragraph separators, fillers, surrogates, byte order marks, non-characters, tags.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]"
)


def visible(text: str) -> str:
    """The text with every unseen character as ``⟨U+202E⟩``; line ends become plain newlines."""
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found.group()):04X}⟩", text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """The same in a single line."""
    return " ".join(visible(text).split())
