"""What all answers have in common."""

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """What a route answers, or part of it: unchangeable, and with every field, whether or not it was set."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)
