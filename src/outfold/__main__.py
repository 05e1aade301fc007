"""``python -m outfold``: the command line."""

from outfold.cli import main

if __name__ == "__main__":
    main()
