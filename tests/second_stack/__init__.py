"""A small multi-tenant helpdesk, made with other habits than the reference stack.

It is a Flask application that is written from its OpenAPI document, with plain SQL through psycopg, RS256 and a
key set, a header without a scheme, 403 for a missing credential, problem documents, text tenants, integer ids and
policies over a membership table. The suite meets it through its target files alone: what is green on the reference
and red here has judged a habit.
"""
