"""Every error that IMIP raises on purpose.

Code raises an error where it detects the fault; only `serving/problems.py` maps errors to HTTP.

    ImipError
    ├── RequestError                the request is invalid, before any scan is read
    │   ├── MalformedRequest        the multipart body is not readable, or a field has the wrong form
    │   ├── UploadTimeout           the request did not arrive in time
    │   ├── UnknownModule           this server does not serve the module
    │   ├── UnknownPrediction       feedback on a prediction that is not in the log
    │   └── UnknownLabel            feedback with a label that the prediction's module does not have
    ├── Unavailable                 this server cannot handle any such request now
    │   ├── Overloaded              no worker is free
    │   ├── LogUnavailable          the database of the prediction log is not available
    │   └── ReportUnavailable       the report cannot be computed
    ├── ScanError                   the uploaded file is invalid
    │   ├── UnsupportedFormat       by its bytes, the file is neither PNG, JPEG nor DICOM
    │   ├── ScanTooLarge            the file exceeds a limit, detected before decoding
    │   ├── MalformedScan           the file is damaged, truncated or contradicts itself
    │   ├── UnsupportedScan         the file is valid, but we cannot read an image from it
    │   ├── FrameOutOfRange         the scan does not have this frame
    │   ├── BurnedInAnnotation      the pixels may contain identifying text
    │   └── WrongModality           the module is not for this modality
    └── ArtifactError               a model artifact is missing, damaged or altered

Messages may contain numbers and DICOM vocabulary, but never text from the client's file or its name, because they
are sent to clients and written to logs.
"""


class ImipError(Exception):
    """Base of all errors that IMIP raises on purpose."""


class RequestError(ImipError):
    """The request is invalid, before any scan is read."""


class MalformedRequest(RequestError):
    """The body is not a readable multipart form, or a field has the wrong form."""


class UploadTimeout(RequestError):
    """The client took too long to send its request."""


class UnknownModule(RequestError):
    """This server does not serve the requested module."""


class UnknownPrediction(RequestError):
    """The prediction log contains no prediction with this request ID."""


class UnknownLabel(RequestError):
    """The module of the prediction does not have this label."""


class Unavailable(ImipError):
    """The request is valid, but this server cannot handle it now."""


class Overloaded(Unavailable):
    """All workers are busy; processing of the request was not started."""


class LogUnavailable(Unavailable):
    """The log's database is not available: predictions can be neither stored, and so not returned, nor looked up."""


class ReportUnavailable(Unavailable):
    """The report library is not installed, no drift monitor that computes reports is running, or there is no data."""


class ScanError(ImipError):
    """The uploaded file is invalid."""


class UnsupportedFormat(ScanError):
    """The bytes are neither PNG, JPEG nor DICOM."""


class ScanTooLarge(ScanError):
    """The file exceeds a size limit."""


class MalformedScan(ScanError):
    """The file is damaged, truncated or contradicts itself."""


class UnsupportedScan(ScanError):
    """The file is valid, but contains no image that we can read."""


class FrameOutOfRange(ScanError):
    """The scan does not have the requested frame."""


class BurnedInAnnotation(ScanError):
    """The pixels may contain identifying text, and the settings refuse such scans."""


class WrongModality(ScanError):
    """The scan declares a modality that the module does not support."""


class ArtifactError(ImipError):
    """A model artifact is missing, damaged or altered."""
