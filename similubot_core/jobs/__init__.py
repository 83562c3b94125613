"""Stages, and the job that runs a downloader, a converter and an uploader for one source."""

from typing import TYPE_CHECKING

from similubot_core.lazy import lazy_names

if TYPE_CHECKING:
    from similubot_core.jobs.folder_uploader import FolderUploader
    from similubot_core.jobs.growing import GrowingFile, serve_growing
    from similubot_core.jobs.pipeline import Job, JobResult, run_job
    from similubot_core.jobs.stages import (
        ConversionRequest,
        Converter,
        Downloader,
        GrowingConverter,
        LinkChecker,
        StageContext,
        Uploader,
        standalone_context,
    )

__all__ = [
    "ConversionRequest",
    "Converter",
    "Downloader",
    "FolderUploader",
    "GrowingConverter",
    "GrowingFile",
    "Job",
    "JobResult",
    "LinkChecker",
    "StageContext",
    "Uploader",
    "run_job",
    "serve_growing",
    "standalone_context",
]

__getattr__ = lazy_names(
    __name__,
    {
        "ConversionRequest": "stages",
        "Converter": "stages",
        "Downloader": "stages",
        "FolderUploader": "folder_uploader",
        "GrowingConverter": "stages",
        "GrowingFile": "growing",
        "Job": "pipeline",
        "JobResult": "pipeline",
        "StageContext": "stages",
        "LinkChecker": "stages",
        "Uploader": "stages",
        "run_job": "pipeline",
        "serve_growing": "growing",
        "standalone_context": "stages",
    },
)
