"""``python -m dlcalc`` is the command ``dlcalc``."""

from dlcalc.cli import main

if __name__ == "__main__":
    main()
