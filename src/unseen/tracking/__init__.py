"""Tracking: which box of this frame is which box of the frames before.

::

    base.py                        the contract of every tracker: boxes of a frame in, numbered boxes out
    tracker.py, motion.py          our trackers: with looks, and by motion alone
    kalman.py, association.py, gallery.py   where a track will be, which box it is, what it looked like
    camera.py                      how the camera moved
    baselines.py                   SORT, ByteTrack, OC-SORT and BoT-SORT of the package `trackers`
    voting.py, track_classes.py    the class of a track, by all its frames
    frames.py, chain.py, videos.py, streams.py, sequences.py, ahead.py   where frames come from
    detections_file.py, appearance.py       boxes from files, vectors of boxes
    zones.py, counts.py            lines and places, and who crossed or is in them
    run.py, result.py              a whole run into a folder, and what it gives frame by frame
    outputs.py, journal.py, mot.py, coco_video.py, video_writer.py, annotate.py, summary.py   what is written
"""
