"""The one exception that means "the user can mend this"; stage programs print it as one line and exit with 2."""


class UserError(Exception):
    """A mistake in the user's input. The message names the file, key or row and the remedy."""


def one_line(error: BaseException, most: int = 300) -> str:
    """What a library says, on one line: its first one alone may break off before it says what to do."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= most else f"{said[: most - 1]}…"
