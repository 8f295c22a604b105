"""The one exception that means "the user can mend this"; stage programs print it as one line and exit with 2."""


class UserError(Exception):
    """A mistake in the user's input. The message names the file, key or row and the remedy."""
