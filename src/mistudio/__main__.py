"""`python -m mistudio`, which is also how torchrun starts the program."""

from mistudio.cli.main import main

if __name__ == "__main__":
    main()
