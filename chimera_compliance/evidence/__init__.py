"""What an auditor keeps: everything that a verdict rests on, signed, in one file that can be checked off line."""
