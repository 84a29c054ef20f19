"""The emulator's HTTP side: one ASGI application for both clouds."""
