"""From a scripted or invented answer to bytes in a cloud's framing."""
