"""What a day of use can go wrong with: the kinds, in one list. A fault has a kind and a text; verdicts ask for kinds, never for words."""

from collections import namedtuple

Fault = namedtuple("Fault", "kind text")

#: Kinds that are a line of the verdict each, with its title.
OWN_LINE = {
    "bench_broke": "the bench itself broke",
    "server_ended": "the server ended by itself",
    "no_message": "no message came while one was waited for",
    "not_imported": "hours that could not be imported even afterwards",
    "broken_line": "lines of the alerts' file that are no JSON",
}
#: Kinds that tell more of what another line counts.
DETAILS = {"lost", "told_twice", "came_again", "5xx", "not_200", "no_answer", "sql", "rows", "doctor", "import"}


class Faults:
    """All of a run."""

    def __init__(self):
        self.all = []

    def add(self, kind, text):
        if kind not in OWN_LINE and kind not in DETAILS:
            raise ValueError(f"{kind} is no kind of fault: see bench/faults.py")
        self.all.append(Fault(kind, text))

    def count(self, kind):
        return sum(fault.kind == kind for fault in self.all)

    def texts(self):
        return [f"{fault.kind}: {fault.text}" for fault in self.all]
