"""Methods made of other methods: prepared inputs, weighted ensembles, the automatic choice, and the use of unlabelled
vectors of unseen classes."""
