"""One line per check of the end-to-end tests, and the count of both outcomes."""


class Checks:
    """One line per check, and the count of both outcomes."""

    def __init__(self):
        self.passed = self.failed = 0

    def __call__(self, what, ok, why=""):
        if callable(why):
            why = "" if ok else why()
        print(f"{'ok  ' if ok else 'FAIL'} {what}" + (f": {why}" if why and not ok else ""), flush=True)
        self.passed += bool(ok)
        self.failed += not ok
        return ok

    def none(self, what, faults):
        """Passes when there are no faults; shows the first few of them."""
        shown = "; ".join(faults[:5]) + (f"; and {len(faults) - 5} more" if len(faults) > 5 else "")
        return self(what, not faults, shown)
