"""The audit trail: what sensitive operations leave in it, whether it can fail to be written, and who can edit it."""
