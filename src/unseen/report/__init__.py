"""Reports for people: one web page that holds everything, or one contact sheet as a picture."""

from unseen.report.builder import FORMATS, ReportBuilder, check_report, format_of

__all__ = ["FORMATS", "ReportBuilder", "check_report", "format_of"]
