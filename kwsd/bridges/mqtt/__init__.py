"""The daemon's events and state over MQTT, found by Home Assistant by itself; commands where the user allows them."""
