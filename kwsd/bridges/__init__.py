"""Programs of their own that tie kwsd to Wyoming, MQTT and Prometheus; any of them may die unnoticed."""
