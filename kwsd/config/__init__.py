"""Settings: flags over environment over TOML. The only reader of environment variables and TOML settings."""

from kwsd.config.load import LoadedSettings, load_settings
from kwsd.config.settings import Settings

__all__ = ["LoadedSettings", "Settings", "load_settings"]
