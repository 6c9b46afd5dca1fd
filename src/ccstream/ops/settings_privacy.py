"""The settings about personal fields and their keys."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from ccstream.ops.settings_sections import Section
from ccstream.wire.topics import DAY_MS, ERASED_WITHIN_MS

__all__ = ["SECRET_CHARS_MIN", "PrivacySettings"]

SECRET_CHARS_MIN = 32
"""A secret that nobody can try out: 32 hexadecimal digits are 128 bits, if they are random."""


class PrivacySettings(Section):
    """Personal fields as ciphertext. See docs/privacy.md."""

    secrets = ("master_key", "previous_master_key", "erasure_key")

    personal_fields: Literal["plain", "ciphertext"] = Field(
        default="plain",
        description="`ciphertext`: the SDK and the gateway encrypt the fields that the schemas "
        "mark as personal, and workers reject events that have one in plain. The same for all.",
    )
    master_key: SecretStr | None = Field(
        default=None,
        description="The key that data keys are wrapped under, at least 32 characters. Of those "
        "who encrypt or read personal fields; workers need none.",
    )
    previous_master_key: SecretStr | None = Field(
        default=None,
        description="The one before, from its replacement until `ccstream privacy rotate` has "
        "wrapped all data keys anew.",
    )
    kms: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        description="`package.module:function` that makes a master key kept elsewhere, in place "
        "of `master_key`: called with the settings, it returns a `ccstream.ops.vault.MasterKey`.",
    )

    erasure_key: SecretStr | None = Field(
        default=None,
        description="The secret by which workers know whom they have erased and sign receipts, at "
        "least 32 characters; the same for all workers, for ever. Without it, none is erased.",
    )
    erasure_deadline_ms: int = Field(
        default=ERASED_WITHIN_MS,
        ge=1_000,
        le=365 * DAY_MS,
        description="From an erasure to its receipt: as long as the topics need to let go of what "
        "was deleted. Less only where they are set to less.",
    )

    @model_validator(mode="after")
    def secrets_must_be_long(self) -> Self:
        for name in self.secrets:
            secret = getattr(self, name)
            if secret is not None and len(secret.get_secret_value()) < SECRET_CHARS_MIN:
                raise ValueError(
                    f"{name} has fewer than {SECRET_CHARS_MIN} characters; make one with "
                    "`openssl rand -hex 32`"
                )
        if self.kms is not None and self.master_key is not None:
            raise ValueError("kms and master_key are both given; take one of them out")
        return self
