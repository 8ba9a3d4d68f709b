"""Settings: flags over environment over TOML. The only reader of environment variables and TOML settings."""

from kwsd.config.load import FlagError, LoadedSettings, load_settings
from kwsd.config.settings import Search, Settings

__all__ = ["FlagError", "LoadedSettings", "Search", "Settings", "load_settings"]
