"""Stand-ins for Tailscale and Headscale: the shapes, codes and texts of their APIs, over a loopback socket.

Headscale's answers were seen with 0.27.1, 0.29.2 and a 0.30 of July 2026. Tailscale's follow its API's description
(tailscale.com/api) and errors that people have reported; no tailnet of theirs was at hand.
"""
