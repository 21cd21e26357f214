"""Examples of classes that have none, made up from their prototypes, or the distributions such examples come from."""
