"""The tasks that t2t ships; every module defines TASKS, and MIXTURES where it has some."""

if __name__ != "t2t.tasks":
    raise ImportError("import t2t.tasks, not the top-level folder")
