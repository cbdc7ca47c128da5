"""All settings of the server. Each is read from the environment variable `IMIP_` plus its name in capitals."""

import math
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from imip.inference.features import FEATURES, SCENE_FEATURES
from imip.scan.limits import Limits


class DriftSettings(BaseModel):
    """Settings of the drift checks of one module."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: int = Field(default=200, ge=20, le=2_000, description="independent predictions compared with the reference")
    every: int = Field(default=50, ge=1, description="new predictions after which a check is due")
    seconds: float = Field(default=60.0, gt=0, description="time after which one is due if there is any new prediction")
    detectors: tuple[Literal["mmd", "ks", "chi2"], ...] = Field(
        default=("mmd", "ks", "chi2"), min_length=1, description="which tests are made; see docs/explanation/drift.md"
    )
    features: tuple[str, ...] = Field(default=SCENE_FEATURES, description="what the Kolmogorov-Smirnov tests look at")
    p_value: float = Field(default=0.05, gt=0, lt=1, description="level of a whole check, all detectors together")
    permutations: int = Field(default=199, ge=19, description="of the MMD test")

    @model_validator(mode="after")
    def _validate(self) -> "DriftSettings":
        if unknown := set(self.features) - set(FEATURES):
            raise ValueError(f"no such feature: {', '.join(sorted(unknown))}; there are: {', '.join(FEATURES)}")
        if self.level * (self.permutations + 1) < 1:
            raise ValueError(
                f"a p_value of {self.p_value:g} takes {math.ceil(1 / self.level) - 1} permutations or more"
            )
        return self

    @property
    def level(self) -> float:
        """The significance level of each detector, so that a whole check has the level `p_value` (Bonferroni)."""
        return self.p_value / len(self.detectors)


class Settings(BaseSettings):
    """Read once at start. An empty value counts as not set; an invalid value stops the server with an error."""

    model_config = SettingsConfigDict(env_prefix="IMIP_", env_ignore_empty=True, frozen=True, extra="ignore")

    workers: Literal["cpu_count"] | PositiveInt = Field(default="cpu_count", description="API worker processes")
    modules: tuple[str, ...] = Field(
        default=("brain-tumor", "brain-lesion", "brain-tumor-type", "brain-anomaly", "brain-tree", "chest-pneumonia"),
        min_length=1,
        description="modules served, as a JSON list; the first is default",
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
    data_folder: Path = Field(default=Path("~/.imip"), description="where the embedded database and the journal stand")
    database_url: SecretStr | None = Field(
        default=None, description="prediction log, `postgresql://...`; by default SQLite in the data folder"
    )
    log_outage: Literal["refuse", "spool"] = Field(
        default="refuse", description="while the database is gone: refuse predictions, or spool them to a journal"
    )
    journal_rows: int = Field(default=100_000, gt=0, description="most predictions the journal holds, some 2 KB each")
    drift_monitor: Literal["beside", "alone", "off"] = Field(
        default="beside", description="run the drift monitor beside the API, alone without it, or not at all"
    )
    drift: dict[str, DriftSettings] = Field(
        default={}, description="how drift is looked for by module, as a JSON object; see docs/explanation/drift.md"
    )
    retention_days: float = Field(default=365.0, gt=0, description="older predictions and checks are deleted")
    retention_rows: int = Field(default=1_000_000, gt=0, description="predictions kept at most; the oldest go first")
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto", description="auto: text on a terminal, else JSON lines"
    )

    @model_validator(mode="after")
    def _validate_drift_modules(self) -> "Settings":
        if unknown := set(self.drift) - set(self.modules):
            raise ValueError(f"IMIP_DRIFT names {', '.join(sorted(unknown))}; enabled are: {', '.join(self.modules)}")
        return self

    def drift_of(self, module: str) -> DriftSettings:
        """Return the drift settings of a module."""
        return self.drift.get(module, DriftSettings())

    @property
    def database(self) -> str:
        """The URL of the prediction log. It may contain a password, so never print it."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_folder.expanduser() / 'predictions.sqlite3'}"

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
