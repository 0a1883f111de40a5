"""Decides whether a run may pass: findings against the runs before, waivers and the policy of the target file.

Nothing here changes what was seen: raw outcomes stand as the checks left them, and each tolerated finding says why.
"""
