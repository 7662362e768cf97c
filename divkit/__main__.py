"""``python -m divkit`` is the command `divkit`."""

from divkit.cli import main

if __name__ == "__main__":
    main()
