"""A Hetzner and a Gitea on your own machine, to try, to demonstrate and to test."""
