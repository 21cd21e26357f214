"""Class prototype -> classifier of that class."""
