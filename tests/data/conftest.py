from hypothesis import settings

# A busy machine is not a failure: no test here is about time.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
