"""Zero-shot methods: they learn on seen classes how vectors relate to class prototypes.

One folder per family of methods (see :mod:`unseen.methods.base` for the contract):

- ``correspondence``: a class prototype becomes that class's classifier;
- ``relationship``: classifiers of related seen classes are combined;
- ``projection``: images and prototypes are taken into one space.
"""
