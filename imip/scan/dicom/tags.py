"""The allowlist of DICOM elements that this package reads, by their keywords in PS3.6."""

from enum import IntEnum


class Tag(IntEnum):
    """DICOM keyword and tag."""

    TransferSyntaxUID = 0x00020010
    SOPClassUID = 0x00080016
    Modality = 0x00080060
    ConversionType = 0x00080064
    Manufacturer = 0x00080070
    PatientIdentityRemoved = 0x00120062
    BodyPartExamined = 0x00180015
    ScanningSequence = 0x00180020
    MRAcquisitionType = 0x00180023
    SliceThickness = 0x00180050
    RepetitionTime = 0x00180080
    EchoTime = 0x00180081
    MagneticFieldStrength = 0x00180087
    SamplesPerPixel = 0x00280002
    PhotometricInterpretation = 0x00280004
    PlanarConfiguration = 0x00280006
    NumberOfFrames = 0x00280008
    Rows = 0x00280010
    Columns = 0x00280011
    PixelSpacing = 0x00280030
    BitsAllocated = 0x00280100
    BitsStored = 0x00280101
    HighBit = 0x00280102
    PixelRepresentation = 0x00280103
    PixelPaddingValue = 0x00280120
    PixelPaddingRangeLimit = 0x00280121
    BurnedInAnnotation = 0x00280301
    WindowCenter = 0x00281050
    WindowWidth = 0x00281051
    RescaleIntercept = 0x00281052
    RescaleSlope = 0x00281053
    VOILUTFunction = 0x00281056
    RedPaletteColorLookupTableDescriptor = 0x00281101
    GreenPaletteColorLookupTableDescriptor = 0x00281102
    BluePaletteColorLookupTableDescriptor = 0x00281103
    RedPaletteColorLookupTableData = 0x00281201
    GreenPaletteColorLookupTableData = 0x00281202
    BluePaletteColorLookupTableData = 0x00281203
    ModalityLUTSequence = 0x00283000
    LUTDescriptor = 0x00283002
    LUTData = 0x00283006
    VOILUTSequence = 0x00283010
    PixelMeasuresSequence = 0x00289110
    FrameVOILUTSequence = 0x00289132
    PixelValueTransformationSequence = 0x00289145
    SharedFunctionalGroupsSequence = 0x52009229
    PerFrameFunctionalGroupsSequence = 0x52009230
    ExtendedOffsetTable = 0x7FE00001
    ExtendedOffsetTableLengths = 0x7FE00002
    FloatPixelData = 0x7FE00008
    DoubleFloatPixelData = 0x7FE00009
    PixelData = 0x7FE00010
