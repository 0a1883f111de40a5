"""Project Chimera: autonomous influencers for many tenants."""
