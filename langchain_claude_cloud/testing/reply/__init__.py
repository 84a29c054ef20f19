"""Writes a scripted or invented answer as bytes in a cloud's framing."""
