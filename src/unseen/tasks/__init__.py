"""Tasks: the one verb, ``class_scores``, plus a little."""
