"""The token: a secret that never shows itself.

Not in repr, not among a traceback's local variables, not in a message that
quotes a server: whatever holds a token holds it inside this object.
"""

from __future__ import annotations

from dovtab.errors import SettingsError


class Token:
    """A secret, and where it came from."""

    __slots__ = ("_secret", "source")

    def __init__(self, secret: str, source: str) -> None:
        # Files and shells leave line ends and quotes behind; DigitalOcean's
        # own Go client trims the same.
        self._secret = secret.strip().strip("'\"")
        self.source = source

    def __repr__(self) -> str:
        return f"<token from {self.source}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Token) and self._secret == other._secret

    def __hash__(self) -> int:
        return hash(self._secret)

    def checked(self) -> Token:
        """Itself, once it is known to fit in a header.

        HTTP libraries quote a header they cannot send in their exceptions,
        and with it the token.

        Raises:
            SettingsError: it is empty, or holds a blank, a line break or a
                letter outside ASCII.
        """
        if self._secret and all("!" <= letter <= "~" for letter in self._secret):
            return self
        raise SettingsError(
            f"the token from {self.source} is not one:"
            " a token has letters, digits and signs, and no blanks or line breaks inside"
        )

    def header(self) -> str:
        """The value of the authorization header."""
        return f"Bearer {self._secret}"

    def fingerprint(self) -> str:
        """Tells this secret from others, and tells nothing about it.

        A token has 256 random bits: no list of guesses finds it by its hash.

        >>> Token("t0ken", "a test").fingerprint()
        '474eee7fc79e'
        """
        # Only those who act need it, and it takes a while to import.
        from hashlib import sha256

        return sha256(f"dovtab:{self._secret}".encode()).hexdigest()[:12]

    def removed_from(self, text: str) -> str:
        """The text with every copy of the secret blotted out."""
        return text.replace(self._secret, "[token]")
