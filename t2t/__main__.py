"""`python -m t2t`: the same as `t2t`."""

from t2t.cli import main

if __name__ == "__main__":
    main()
