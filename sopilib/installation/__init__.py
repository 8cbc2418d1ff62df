"""Where the parts of an installation lie."""
