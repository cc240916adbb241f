"""A short life of a model, for drawing."""

from __future__ import annotations

from devkit.demo_lifecycle_timeline import Act, Kind, Mark, Part, Second, Stretch, Timeline

OLD, NEW, BAD = "1.1.0-d1.s1", "2.1.1-d1.s1", "0.1.2-d1.s1"


def a_timeline(**changed: object) -> Timeline:
    """Forty seconds: a new version becomes champion, a bad one is refused, the old one goes."""
    seconds = [
        Second({}, 0, 0) if at < 4 else Second({OLD: 3, NEW: 1} if at < 12 else {NEW: 4}, 0, 3)
        for at in range(40)
    ]
    content: dict[str, object] = {
        "title": "The life of a model",
        "length": 40.0,
        "acts": [Act("A better one", 0, 20), Act("A worse one", 20, 40)],
        "names": {OLD: "tree", NEW: "forest", BAD: "stump"},
        "stretches": [
            Stretch(OLD, Part.CHAMPION, 4, 12),
            Stretch(NEW, Part.SHADOW, 6, 8),
            Stretch(NEW, Part.CANARY, 8, 12, 0.25),
            Stretch(OLD, Part.STAND_BY, 12, 30, 0.0),
            Stretch(NEW, Part.CHAMPION, 12, 40),
        ],
        "marks": [
            Mark(22, Kind.REFUSED, "f1 0.49 < 0.98", BAD),
            Mark(25, Kind.SHIFTED, "three columns"),
            Mark(28, Kind.ALARM, "drift", NEW),
            Mark(30, Kind.RETIRED, "unused", OLD),
        ],
        "seconds": seconds,
        "milliseconds": (20.0, 90.0),
    }
    return Timeline(**(content | changed))  # type: ignore[arg-type]
