"""Data sets: readers, writers, splits that prove themselves, and a test part that counts who opens it."""

from unseen.datasets.attributes import AttributeTable, read_attributes
from unseen.datasets.build import Built, build_dataset
from unseen.datasets.class_lists import ClassLists, read_class_list, read_class_lists
from unseen.datasets.dataset import Dataset, TestPart
from unseen.datasets.feature_files import read_features
from unseen.datasets.looks import PrototypePair, nearest_prototypes, repeated_samples
from unseen.datasets.own_format import write_dataset
from unseen.datasets.readers import DatasetReader, read_dataset
from unseen.datasets.split import Split
from unseen.datasets.split_makers import (
    distant_classes,
    random_classes,
    rare_classes,
    resplit,
    split_by_classes,
    validation_fold,
)
from unseen.datasets.xlsa import XlsaSplit, read_xlsa, read_xlsa_split
from unseen.datasets.xlsa_writer import write_xlsa

__all__ = [
    "AttributeTable",
    "Built",
    "ClassLists",
    "Dataset",
    "DatasetReader",
    "PrototypePair",
    "Split",
    "TestPart",
    "XlsaSplit",
    "build_dataset",
    "distant_classes",
    "nearest_prototypes",
    "random_classes",
    "rare_classes",
    "read_attributes",
    "read_class_list",
    "read_class_lists",
    "read_dataset",
    "read_features",
    "read_xlsa",
    "read_xlsa_split",
    "repeated_samples",
    "resplit",
    "split_by_classes",
    "validation_fold",
    "write_dataset",
    "write_xlsa",
]
