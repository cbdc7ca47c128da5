"""Every setting of the server, from the environment: `IMIP_` and the name below in capitals."""

from typing import Literal

from pydantic import Field, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict

from imip.limits import Limits


class Settings(BaseSettings):
    """Read once at start. A value of the wrong form stops the server with a message that names the setting."""

    model_config = SettingsConfigDict(env_prefix="IMIP_", frozen=True, extra="ignore")

    workers: Literal["cpu_count"] | PositiveInt = Field(default="cpu_count", description="API worker processes")
    modules: tuple[str, ...] = Field(
        default=("brain-tumor",), min_length=1, description="modules served, as a JSON list; the first is default"
    )
    model_versions: dict[str, str] = Field(
        default={},
        description="version in the BentoML model store by module, as a JSON object; else the shipped artifact",
    )
    burned_in: Literal["refuse", "warn"] = Field(
        default="warn", description="what to do with DICOM that has, or may have, text burned into its pixels"
    )
    max_body_bytes: int = Field(default=Limits().body_bytes, gt=0, description="largest upload")
    max_side: int = Field(default=Limits().side, gt=0, description="largest width or height, in pixels")
    max_pixels: int = Field(default=Limits().pixels, gt=0, description="largest width times height")
    max_frames: int = Field(default=Limits().frames, gt=0, description="most frames of a multi-frame scan")
    max_decoded_bytes: int = Field(
        default=Limits().decoded_bytes, gt=0, description="largest frame, decoded to its samples"
    )
    max_inflated_bytes: int = Field(
        default=Limits().inflated_bytes, gt=0, description="largest deflated DICOM, inflated"
    )
    max_in_flight: int = Field(default=8, gt=0, description="requests one worker holds at once; more are shed with 503")
    upload_seconds: float = Field(default=30.0, gt=0, description="time a client has to send its request")
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto", description="auto: text on a terminal, else JSON lines"
    )

    @property
    def limits(self) -> Limits:
        return Limits(
            body_bytes=self.max_body_bytes,
            side=self.max_side,
            pixels=self.max_pixels,
            frames=self.max_frames,
            decoded_bytes=self.max_decoded_bytes,
            inflated_bytes=self.max_inflated_bytes,
        )
