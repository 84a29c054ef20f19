"""The former place of `locks`, `endpoint_checks`, `echoed_secrets` and `library_logging`."""

from langchain_claude_cloud.platform.echoed_secrets import without_secrets
from langchain_claude_cloud.platform.endpoint_checks import check_base_url, check_region
from langchain_claude_cloud.platform.library_logging import quiet_libraries
from langchain_claude_cloud.platform.locks import SharedLock

__all__ = ["SharedLock", "check_base_url", "check_region", "quiet_libraries", "without_secrets"]
