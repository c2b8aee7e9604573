"""Writes log entries as JSON lines, without what must not be in a log.

Mail addresses, card numbers and bearer tokens in texts are masked, and whatever else the parameters name by
regular expressions. Card numbers are told from other long numbers by their check digit.
"""

import json
import re
from datetime import datetime, timezone

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import lifecycle, logentry
from wit_world.imports import log, types

KINDS = {
    "email": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    "card": re.compile(r"\b(?:[0-9][ -]?){12,18}[0-9]\b"),
    "token": re.compile(r"(?i)\bbearer +[\w.~+/-]+=*"),
}

# The host holds parameters against this before `configure`.
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "redact": {
            "type": "array",
            "items": {"enum": list(KINDS)},
            "description": "What is masked. By default all of them.",
        },
        "patterns": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Regular expressions of Python for what is masked besides.",
        },
        "mask": {"type": "string", "description": "What is written instead. By default `***`."},
        "log_stream": {"description": "Where lines go: STDOUT, STDERR, FILE or ROTATED_FILE."},
        "output_path": {"type": "string", "description": "The file, where lines go to one."},
    },
}


class State:
    instances: list[lifecycle.Instance] = []
    kinds: list[str] = []
    patterns: list[re.Pattern] = []
    mask = "***"


class Lifecycle(exports.Lifecycle):
    def describe(self) -> lifecycle.Description:
        return lifecycle.Description(
            name="redactor",
            version="0.1.0",
            summary="Writes log entries as JSON lines, without what must not be in a log.",
            parameters=json.dumps(SCHEMA),
        )

    def configure(self, configuration: lifecycle.Configuration) -> None:
        given = json.loads(configuration.parameters)
        problems = []
        patterns = []
        for at, pattern in enumerate(given.get("patterns", [])):
            try:
                patterns.append(re.compile(pattern))
            except re.error as error:
                problems.append(lifecycle.Problem(f"patterns[{at}]", f"is no pattern: {error}"))
        if problems:
            raise Err(problems)
        State.instances = configuration.instances
        State.kinds = given.get("redact", list(KINDS))
        State.patterns = patterns
        State.mask = given.get("mask", "***")


class Logentry(exports.Logentry):
    def report(self, batch: logentry.Batch) -> list[types.FailedElement]:
        # Texts cross once for a batch, and are cleaned once.
        texts = [redact(text) for text in batch.texts]
        lines = []
        for group in batch.groups:
            names = [field.name for field in State.instances[group.instance].fields]
            columns = [values(column, texts, batch.addresses) for column in group.variables]
            rows = zip(*columns) if columns else [()] * len(group.elements)
            for at, row in enumerate(rows):
                entry = {
                    "time": moment(group.timestamps[at]),
                    "severity": texts[group.severities[at]],
                    **dict(zip(names, row)),
                }
                line = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
                lines.append((group.elements[at], line))
        lines.sort()
        try:
            log.write("".join(f"{line}\n" for _, line in lines))
        except Err as refused:
            message = f"the log stream is {refused.value.name.lower()}"
            return [types.FailedElement(element, message) for element, _ in lines]
        return []


def redact(text: str) -> str:
    for kind in State.kinds:
        if kind == "card":
            text = KINDS[kind].sub(mask_card, text)
        else:
            text = KINDS[kind].sub(State.mask.replace("\\", r"\\"), text)
    for pattern in State.patterns:
        text = pattern.sub(State.mask.replace("\\", r"\\"), text)
    return text


def mask_card(found: re.Match) -> str:
    """Masks a number whose check digit (ISO/IEC 7812) is right."""
    digits = [int(digit) for digit in found[0] if digit.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    is_card = (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
    return State.mask if is_card else found[0]


def values(column: types.Column, texts: list[str], addresses: list[bytes]) -> list:
    """A column as values for JSON."""
    match column:
        case types.Column_Text(indexes):
            return [texts[index] for index in indexes]
        case types.Column_Timestamp(moments):
            return [moment(nanos) for nanos in moments]
        case types.Column_Duration(spans):
            return [f"{nanos / 1e9:g}s" for nanos in spans]
        case types.Column_IpAddress(indexes):
            return [addresses[index].hex(":", 2) if len(addresses[index]) == 16
                    else ".".join(map(str, addresses[index])) for index in indexes]
        case types.Column_StringMap(maps):
            return [{texts[key]: texts[value] for key, value in entries} for entries in maps]
        case _:
            return column.value


def moment(nanos: int) -> str:
    """RFC 3339, to the millisecond."""
    at = datetime.fromtimestamp(nanos // 1_000_000 / 1000, timezone.utc)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
