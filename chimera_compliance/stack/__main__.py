"""`python -m chimera_compliance.stack`: one JSON command a line in, one JSON answer a line out, until EOF."""

from chimera_compliance.stack.supervisor import main

if __name__ == "__main__":
    main()
