"""The environment variables that lead this package, the vendor's SDK and boto3 to an emulator."""

from __future__ import annotations

import json
from pathlib import Path

from langchain_claude_cloud.errors.types import Cloud
from langchain_claude_cloud.testing.emulator import CloudEmulator


def environment_variables(emulator: CloudEmulator, folder: Path) -> dict[Cloud, dict[str, str]]:
    """Return the variables that lead clients to an emulator, by cloud.

    Args:
        emulator: It is running.
        folder: Where a file with Google credentials is written. It is a service account's key:
            google-auth takes no address from a file with gcloud's user credentials.
    """
    key = emulator.aws_key
    s3 = {"AWS_ENDPOINT_URL_S3": emulator.s3_url} if emulator.has_s3 else {}
    path = folder / "service-account.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(emulator.service_account_info()), encoding="utf-8")
    return {
        "vertex": {
            "ANTHROPIC_VERTEX_BASE_URL": emulator.vertex_url,
            "ANTHROPIC_VERTEX_PROJECT_ID": emulator.project,
            "CLOUD_ML_REGION": "global",
            "GOOGLE_APPLICATION_CREDENTIALS": str(path),
            "BIGQUERY_EMULATOR_HOST": emulator.url,
            "STORAGE_EMULATOR_HOST": emulator.url,
        },
        "bedrock": {
            "ANTHROPIC_BEDROCK_BASE_URL": emulator.url,
            "ANTHROPIC_BEDROCK_MANTLE_BASE_URL": emulator.url,
            "AWS_ENDPOINT_URL_BEDROCK": emulator.url,
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": emulator.url,
            "AWS_REGION": emulator.region,
            "AWS_DEFAULT_REGION": emulator.region,  # the one that boto3 reads
            "AWS_ACCESS_KEY_ID": key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
            **s3,
        },
    }
