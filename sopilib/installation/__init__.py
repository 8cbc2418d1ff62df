"""Find the parts of an installation."""
