"""Settings: flags over environment over TOML. The only reader of environment variables and TOML settings."""

from kwsd.config.load import LoadedSettings, load_settings
from kwsd.config.settings import Search, Settings
from kwsd.errors import FlagError

__all__ = ["FlagError", "LoadedSettings", "Search", "Settings", "load_settings"]
