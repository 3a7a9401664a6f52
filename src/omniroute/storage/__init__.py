"""One SQLite file: one writer, many readers, numbered migrations."""

from omniroute.storage.accounts import AccountRepository, AccountRow
from omniroute.storage.aliases import AliasRepository, AliasRow, ChainRepository, ChainRow
from omniroute.storage.audit import AuditRepository, AuditRow
from omniroute.storage.combos import ComboRepository, ComboRow
from omniroute.storage.db import Database
from omniroute.storage.directory import data_directory
from omniroute.storage.keys import ApiKey, KeyRepository, digest_key
from omniroute.storage.models import CustomModelRow, ModelRepository
from omniroute.storage.nodes import NodeRepository, NodeRow
from omniroute.storage.password import PasswordStore
from omniroute.storage.routing import AccountRoutingRow, ProviderRoutingRow, RoutingRepository, RoutingStore
from omniroute.storage.routing_state import RoutingRow, RoutingStateRepository
from omniroute.storage.secrets import Secrets, load_secrets, read_admin_token
from omniroute.storage.settings import SettingRepository
from omniroute.storage.usage import UsagePage, UsageRepository, UsageTotals
from omniroute.storage.vault import Vault

__all__ = [
    "AccountRepository",
    "AccountRoutingRow",
    "AccountRow",
    "AliasRepository",
    "AliasRow",
    "ApiKey",
    "AuditRepository",
    "AuditRow",
    "ChainRepository",
    "ChainRow",
    "ComboRepository",
    "ComboRow",
    "CustomModelRow",
    "Database",
    "KeyRepository",
    "ModelRepository",
    "NodeRepository",
    "NodeRow",
    "PasswordStore",
    "ProviderRoutingRow",
    "RoutingRepository",
    "RoutingRow",
    "RoutingStateRepository",
    "RoutingStore",
    "Secrets",
    "SettingRepository",
    "UsagePage",
    "UsageRepository",
    "UsageTotals",
    "Vault",
    "data_directory",
    "digest_key",
    "load_secrets",
    "read_admin_token",
]
