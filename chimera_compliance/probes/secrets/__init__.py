"""Stored secrets: what a store holds, who may read it, and where else the same values lie."""
