"""Every error IMIP raises on purpose.

Errors are raised where the fault is found; `serving/problems.py` alone maps them to HTTP.

    ImipError
    ├── RequestError                the client's request, before any scan is read
    │   ├── MalformedRequest        no readable multipart body, or a field of the wrong form
    │   ├── UploadTimeout           the request did not arrive in time
    │   ├── UnknownModule           a module this server does not serve
    │   ├── UnknownPrediction       feedback on a prediction that is not in the log
    │   └── UnknownLabel            feedback with a label that the prediction's module does not have
    ├── Unavailable                 this server now, whatever the request
    │   ├── Overloaded              no worker is free
    │   ├── LogUnavailable          the prediction log's database is gone
    │   └── ReportUnavailable       nobody here can make the report
    ├── ScanError                   the client's file
    │   ├── UnsupportedFormat       neither PNG, JPEG nor DICOM, by its bytes
    │   ├── ScanTooLarge            a limit was passed, found before decoding
    │   ├── MalformedScan           damaged, truncated or contradictory
    │   ├── UnsupportedScan         sound, but nothing we can read an image from
    │   ├── FrameOutOfRange         a frame that the scan does not have
    │   ├── BurnedInAnnotation      its pixels may carry identifying text
    │   └── WrongModality           not of the kind that the module is for
    └── ArtifactError               a model artifact that is missing, damaged or altered

Messages may quote numbers and DICOM vocabulary, never text from the client's file or its name:
a message ends up in answers and logs.
"""


class ImipError(Exception):
    """Base of all errors IMIP raises on purpose."""


class RequestError(ImipError):
    """The request is at fault, whatever the scan."""


class MalformedRequest(RequestError):
    """The body is no readable multipart form, or a field has the wrong form."""


class UploadTimeout(RequestError):
    """The client took too long to send its request."""


class UnknownModule(RequestError):
    """The module asked for is not served here."""


class UnknownPrediction(RequestError):
    """The prediction log holds no prediction of that request."""


class UnknownLabel(RequestError):
    """The label is none of the prediction's module."""


class Unavailable(ImipError):
    """Nothing is wrong with the request; this server cannot answer it now."""


class Overloaded(Unavailable):
    """All workers are busy; the request was not started."""


class LogUnavailable(Unavailable):
    """The log's database is gone: a prediction that cannot be logged is not answered, and what was is not found."""


class ReportUnavailable(Unavailable):
    """The report's library is not installed, no monitor runs that would make it, or there is nothing to report."""


class ScanError(ImipError):
    """The client's file is at fault."""


class UnsupportedFormat(ScanError):
    """The bytes are neither PNG, JPEG nor DICOM."""


class ScanTooLarge(ScanError):
    """A size limit is passed."""


class MalformedScan(ScanError):
    """The file is damaged, truncated or contradicts itself."""


class UnsupportedScan(ScanError):
    """The file is sound but holds no image we can read."""


class FrameOutOfRange(ScanError):
    """The scan does not have the frame asked for."""


class BurnedInAnnotation(ScanError):
    """The pixels may carry identifying text, and the settings refuse such scans."""


class WrongModality(ScanError):
    """The scan declares a modality that the module is not for."""


class ArtifactError(ImipError):
    """A model artifact is missing, damaged or altered."""
