"""Tables from names to classes: explicit, lazy, open to other packages.

An explicit table beats import-time magic: it is complete without importing anything, a duplicate raises, and
tests enumerate it. Other packages add entries through entry points of the registry's group; nothing of theirs
is imported until its name is asked for.
"""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from unseen.errors import InputError, UnknownNameError
from unseen.validation import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "BOX_EXPORTS",
    "DATASETS",
    "DETECTORS",
    "ENCODERS",
    "EXPORTS",
    "METHODS",
    "REMEDIES",
    "SEGMENTERS",
    "TRACKERS",
    "Registry",
]


class Registry:
    """Names of one kind of thing, each with the place its class lives.

    Parameters
    ----------
    kind : str
        What the entries are, in the singular; used in messages.
    table : mapping of str to str
        Name to ``"package.module:Class"``.
    group : str
        Entry-point group through which other packages add entries.

    Examples
    --------
    >>> from unseen.registry import METHODS
    >>> METHODS.get("cosine").__name__
    'Cosine'
    """

    def __init__(self, kind: str, *, table: Mapping[str, str], group: str) -> None:
        self.kind = kind
        self.group = group
        self._own = dict(table)
        self._all: dict[str, str] | None = None

    def _targets(self) -> dict[str, str]:
        if self._all is None:
            targets = dict(self._own)
            for entry in entry_points(group=self.group):
                if entry.name in targets:
                    raise InputError(
                        f"Registry: {self.kind} {entry.name!r} is registered twice, as {targets[entry.name]!r} "
                        f"and as {entry.value!r}. Uninstall one of the packages or rename its entry."
                    )
                targets[entry.name] = entry.value
            self._all = targets
        return self._all

    def names(self) -> list[str]:
        """Return every registered name, sorted; imports nothing."""
        return sorted(self._targets())

    def get(self, name: str) -> type[Any]:
        """Import and return the class registered as `name`.

        Raises
        ------
        UnknownNameError
            With the nearest known names.
        """
        targets = self._targets()
        if name not in targets:
            close = nearest(str(name), targets) or self.names()
            raise UnknownNameError(f"Registry: no {self.kind} is called {name!r}. Known and near: {', '.join(close)}.")
        module, _, attribute = targets[name].partition(":")
        return getattr(importlib.import_module(module), attribute)  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self._targets()


METHODS = Registry(
    "method",
    table={
        "ale": "unseen.methods.correspondence.ale:ALE",
        "aligned": "unseen.methods.meta.aligned:Aligned",
        "auto": "unseen.methods.meta.auto:Auto",
        "balanced_assignment": "unseen.methods.meta.balanced_assignment:BalancedAssignment",
        "cadavae": "unseen.methods.synthesis.cadavae:CADAVAE",
        "cca": "unseen.methods.projection.cca:CanonicalCorrelation",
        "cegzsl": "unseen.methods.synthesis.cegzsl:CEGZSL",
        "classifier_regression": "unseen.methods.correspondence.classifier_regression:ClassifierRegression",
        "cmt": "unseen.methods.projection.cmt:CMT",
        "conse": "unseen.methods.relationship.conse:ConSE",
        "cosine": "unseen.methods.projection.cosine:Cosine",
        "costa": "unseen.methods.relationship.costa:COSTA",
        "dap": "unseen.methods.combination.dap:DAP",
        "devise": "unseen.methods.correspondence.devise:DeViSE",
        "ensemble": "unseen.methods.meta.ensemble:Ensemble",
        "eszsl": "unseen.methods.correspondence.eszsl:ESZSL",
        "fclswgan": "unseen.methods.synthesis.fclswgan:FCLSWGAN",
        "fvaegan": "unseen.methods.synthesis.fvaegan:FVAEGAN",
        "gaussian_synthesis": "unseen.methods.synthesis.gaussian_synthesis:GaussianSynthesis",
        "gfzsl": "unseen.methods.synthesis.gfzsl:GFZSL",
        "iap": "unseen.methods.combination.iap:IAP",
        "kernel_ridge": "unseen.methods.projection.kernel_ridge:KernelRidge",
        "label_propagation": "unseen.methods.meta.label_propagation:LabelPropagation",
        "latem": "unseen.methods.correspondence.latem:LatEm",
        "prepared": "unseen.methods.meta.prepared:Prepared",
        "remedied": "unseen.methods.meta.remedied:Remedied",
        "reverse_ridge": "unseen.methods.projection.reverse_ridge:ReverseRidge",
        "ridge": "unseen.methods.projection.ridge:Ridge",
        "sae": "unseen.methods.projection.sae:SAE",
        "self_training": "unseen.methods.meta.self_training:SelfTraining",
        "sje": "unseen.methods.correspondence.sje:SJE",
        "sse": "unseen.methods.projection.sse:SSE",
        "sync": "unseen.methods.relationship.sync:SynC",
        "text_probe": "unseen.methods.correspondence.text_probe:TextProbe",
        "tfvaegan": "unseen.methods.synthesis.tfvaegan:TFVAEGAN",
        "tip_adapter": "unseen.methods.borrowing.tip_adapter:TipAdapter",
        "transclip": "unseen.methods.meta.transclip:TransCLIP",
        "transferred_samples": "unseen.methods.borrowing.transferred_samples:TransferredSamples",
    },
    group="unseen.methods",
)

ENCODERS = Registry(
    "encoder",
    table={
        "default": "unseen.encoders.default:DefaultEncoder",
        "hf": "unseen.encoders.transformers:TransformersEncoder",
        "onnx": "unseen.encoders.onnx:OnnxEncoder",
        "open_clip": "unseen.encoders.open_clip:OpenClipEncoder",
        "sentence-transformers": "unseen.encoders.sentence_transformers:SentenceTransformersEncoder",
    },
    group="unseen.encoders",
)

EXPORTS = Registry(
    "export format",
    table={
        "coco": "unseen.exports.coco:CocoExport",
        "csv": "unseen.exports.csv_table:CsvExport",
        "fiftyone": "unseen.exports.fiftyone:FiftyOneExport",
        "folders": "unseen.exports.folders:FoldersExport",
        "label-studio": "unseen.exports.label_studio:LabelStudioExport",
        "yolo": "unseen.exports.yolo:YoloExport",
    },
    group="unseen.exports",
)

DATASETS = Registry(
    "data set reader",
    table={
        "table": "unseen.datasets.table:TableReader",
        "unseen": "unseen.datasets.own_format:OwnReader",
        "xlsa": "unseen.datasets.xlsa:XlsaReader",
    },
    group="unseen.datasets",
)

REMEDIES = Registry(
    "remedy",
    table={
        "csls": "unseen.decision.csls:CSLS",
        "gate": "unseen.decision.gate:SeenUnseenGate",
        "globally_corrected": "unseen.decision.globally_corrected:GloballyCorrected",
        "inverted_softmax": "unseen.decision.inverted_softmax:InvertedSoftmax",
        "local_scaling": "unseen.decision.local_scaling:LocalScaling",
        "mutual_proximity": "unseen.decision.mutual_proximity:MutualProximity",
        "prior": "unseen.decision.prior:PriorAdjustment",
        "stacking": "unseen.decision.stacking:CalibratedStacking",
    },
    group="unseen.remedies",
)

DETECTORS = Registry(
    "detector",
    table={
        "default": "unseen.detection.default:DefaultDetector",
        "hf": "unseen.detection.transformers:TransformersDetector",
        "http": "unseen.detection.http:HttpDetector",
        "onnx": "unseen.detection.yolox:YoloxDetector",
        "regions": "unseen.detection.regions:RegionsDetector",
    },
    group="unseen.detectors",
)

SEGMENTERS = Registry(
    "segmenter",
    table={
        "default": "unseen.segmentation.default:DefaultSegmenter",
        "hf": "unseen.segmentation.clipseg:ClipSegSegmenter",
    },
    group="unseen.segmenters",
)

TRACKERS = Registry(
    "tracker",
    table={
        "botsort": "unseen.tracking.baselines:BoTSORT",
        "bytetrack": "unseen.tracking.baselines:ByteTrack",
        "motion": "unseen.tracking.tracker:MotionTracker",
        "ocsort": "unseen.tracking.baselines:OCSORT",
        "sort": "unseen.tracking.baselines:SORT",
        "unseen": "unseen.tracking.tracker:AppearanceTracker",
    },
    group="unseen.trackers",
)

BOX_EXPORTS = Registry(
    "box format",
    table={
        "coco": "unseen.detection.exports:CocoBoxes",
        "label-studio": "unseen.detection.exports:LabelStudioBoxes",
        "voc": "unseen.detection.exports:VocBoxes",
        "yolo": "unseen.detection.exports:YoloBoxes",
    },
    group="unseen.box_exports",
)
