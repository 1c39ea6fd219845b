"""tools/generate.py: the committed modules are fresh, a change is noticed, a newer header is taken in."""

from __future__ import annotations

import copy
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(ROOT, "tools", "generate.py")
#: Where the measurements that our facts began with may lie beside a checkout.
MEASURED = os.path.join(ROOT, os.pardir, "shared", "facts")


def load():
    """tools/generate.py as a module."""
    spec = importlib.util.spec_from_file_location("generate_under_test", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = load()


@pytest.fixture
def facts():
    """The committed facts, free to change."""
    return generate.load_facts()


@pytest.fixture
def tree(tmp_path, facts):
    """A root with both modules and the facts, all fresh."""
    for folder in ("loader", "zmq_ctypes", "tools"):
        (tmp_path / folder).mkdir()
    (tmp_path / "tools" / "libzmq_api.json").write_text(generate.dump_facts(facts))
    for path, text in generate.outputs(facts, str(tmp_path)).items():
        with open(path, "w", newline="\n") as file:
            file.write(text)
    return tmp_path


def run(tree, *arguments: str) -> int:
    """The command, on another root."""
    return generate.main(list(arguments), str(tree), str(tree / "tools" / "libzmq_api.json"))


def new_header(tree, *lines: str, version: str = "4.4.0") -> str:
    """A header of a libzmq that is newer than the facts."""
    major, minor, patch = version.split(".")
    path = tree / "newer.h"
    parts = (("MAJOR", major), ("MINOR", minor), ("PATCH", patch))
    head = [f"#define ZMQ_VERSION_{part} {number}" for part, number in parts]
    path.write_text("\n".join([*head, *lines, ""]))
    return str(path)


# -- freshness --------------------------------------------------------------------------------------------------------


def test_the_committed_modules_are_fresh() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_facts_are_written_as_the_tool_writes_them(facts) -> None:
    with open(generate.FACTS, encoding="utf-8") as file:
        assert file.read() == generate.dump_facts(facts)


@pytest.mark.parametrize("name", ["loader/prototypes.py", "zmq_ctypes/_numbers.py"])
def test_check_notices_a_changed_module(tree, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert run(tree, "--check") == 0
    assert capsys.readouterr().out == ""
    path = tree / name
    fresh = path.read_text()
    path.write_text(fresh.replace("(4, 2, 0)", "(4, 2, 1)", 1))
    changed = path.read_text()
    assert run(tree, "--check") == 1
    report = capsys.readouterr().out
    assert os.path.basename(name) + " is stale: 1 lines to add, 1 to remove" in report
    assert path.read_text() == changed, "--check must write nothing"
    assert run(tree) == 0
    assert path.read_text() == fresh
    path.unlink()
    assert run(tree, "--check") == 1
    assert "is missing" in capsys.readouterr().out


def test_check_notices_a_changed_fact(tree, facts, capsys: pytest.CaptureFixture[str]) -> None:
    facts["constants"]["ZMQ_LINGER"]["value"] = 18
    facts["functions"]["zmq_bind"]["first"] = "4.0.0"
    (tree / "tools" / "libzmq_api.json").write_text(generate.dump_facts(facts))
    assert run(tree, "--check") == 1
    report = capsys.readouterr().out
    assert "prototypes.py is stale" in report
    assert "_numbers.py is stale" in report
    assert "+LINGER = 18" in report
    assert "constants.pyi is stale" in report
    assert "+    LINGER = 18" in report


def test_check_notices_a_changed_hint(tree, facts, capsys: pytest.CaptureFixture[str]) -> None:
    facts["constants"]["ZMQ_LINGER"]["type"] = "bytes"
    (tree / "tools" / "libzmq_api.json").write_text(generate.dump_facts(facts))
    assert run(tree, "--check") == 1
    report = capsys.readouterr().out
    assert "_option_hints.pyi is stale" in report
    assert "+    linger: bytes" in report


def test_line_endings_of_a_checkout_do_not_matter(tree) -> None:
    path = tree / "loader" / "prototypes.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert run(tree, "--check") == 0


# -- taking a header in -----------------------------------------------------------------------------------------------


def test_a_known_header_brings_no_news(facts) -> None:
    before = copy.deepcopy(facts)
    # Everything the facts hold, as a header of the newest version.
    lines = [f"{text};" for text in facts["callbacks"].values()]
    lines += [f"{entry['prototype']};" for entry in facts["functions"].values() if entry["stable"]]
    lines += ["#ifdef ZMQ_BUILD_DRAFT_API"]
    lines += [f"{entry['prototype']};" for entry in facts["functions"].values() if not entry["stable"]]
    lines += ["#endif"]
    for name, entry in facts["constants"].items():
        if entry["value"] is not None and "windows" not in entry and entry["group"] != "gone":
            value = json.dumps(entry["value"])
            text = f"#define {name} {value}"
            lines.append(text if entry["stable"] else f"#ifdef ZMQ_BUILD_DRAFT_API\n{text}\n#endif")
    header = generate.load_header_module().read("\n".join(lines) + "\n")
    assert len(header.prototypes) == len(facts["functions"])
    assert generate.merge(facts, header, generate.newest(facts)) == []
    assert facts == before


def test_a_newer_header(tree, capsys: pytest.CaptureFixture[str]) -> None:
    path = new_header(
        tree,
        "#ifndef ENEWERR",
        "#define ENEWERR (156384712 + 19)",
        "#endif",
        "#define ZMQ_NEW_OPTION 130",
        "#define ZMQ_EVENT_NEWS 0x20000",
        "#define ZMQ_HAVE_NEWS",
        '#define ZMQ_MSG_PROPERTY_NEW "New"',
        "#define ZMQ_METADATA 95",
        "#define ZMQ_GROUP_MAX_LENGTH 511",
        "typedef int (zmq_new_fn) (const char *name, void *arg);",
        "int zmq_new (void *s_, zmq_new_fn new_, const char *name_);",
        "int zmq_join (void *s, const char *group);",
        "#ifdef ZMQ_BUILD_DRAFT_API",
        "#define ZMQ_NEW_MSG 131",
        "const char *zmq_newer (void);",
        "#endif",
    )
    assert run(tree, "--header", path, "--check") == 1
    assert "libzmq_api.json lacks" in capsys.readouterr().out
    assert run(tree, "--header", path) == 0
    news = capsys.readouterr().out
    for line in (
        "zmq_new: new function\n",
        "zmq_newer: new function (draft)",
        "zmq_new_fn: new function type",
        "zmq_join: stable since 4.4.0",
        "ZMQ_METADATA: stable since 4.4.0",
        "ZMQ_GROUP_MAX_LENGTH: 255 became 511",
        "ZMQ_NEW_OPTION: new constant, taken as SocketOption",
    ):
        assert line in news

    facts = generate.load_facts(str(tree / "tools" / "libzmq_api.json"))
    assert facts["constants"]["ZMQ_GROUP_MAX_LENGTH"]["history"] == {"4.2.0": 15, "4.3.3": 255, "4.4.0": 511}
    assert facts["constants"]["ZMQ_NEW_MSG"] == {
        "group": "SocketOption",
        "value": 131,
        "first": "4.4.0",
        "stable": None,
        "type": "bytes",
    }
    prototypes: dict[str, object] = {}
    exec((tree / "loader" / "prototypes.py").read_text(), prototypes)
    table = prototypes["PROTOTYPES"]
    assert isinstance(table, dict)
    assert table["zmq_new"] == ("int", ("void *", "zmq_new_fn *", "const char *"), (4, 4, 0), (4, 4, 0))
    assert table["zmq_newer"] == ("const char *", (), (4, 4, 0), None)
    assert table["zmq_join"][2:] == ((4, 2, 0), (4, 4, 0))

    shutil.copy(os.path.join(ROOT, "zmq_ctypes", "constants.py"), str(tree / "zmq_ctypes"))
    (tree / "zmq_ctypes" / "__init__.py").write_text("")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from zmq_ctypes import constants as c\n"
            "print(c.NEW_OPTION.first, c.NEW_OPTION.draft, c.NEW_MSG._opt_type.name, c.NEW_MSG.draft, c.METADATA.draft,"
            " repr(c.EVENT_NEWS), c.MSG_PROPERTY_NEW, c.GROUP_MAX_LENGTH, hasattr(c, 'HAVE_NEWS'), int(c.ENEWERR))",
        ],
        cwd=str(tree),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.split("\n")[0] == (
        "(4, 4, 0) False bytes True False <Event.NEWS: 131072> New 511 False 156384731"
    )
    assert run(tree, "--check", "--header", path) == 0


def test_an_older_header_moves_the_first_version_back(facts) -> None:
    header = generate.load_header_module().read(
        "#define ZMQ_STREAM 11\n#define ZMQ_GROUP_MAX_LENGTH 7\nint zmq_has (const char *c);\n"
    )
    news = generate.merge(facts, header, "3.2.5")
    assert facts["constants"]["ZMQ_STREAM"]["first"] == "3.2.5"
    assert facts["functions"]["zmq_has"] == {
        "prototype": "int zmq_has(const char *capability)",
        "first": "3.2.5",
        "stable": "3.2.5",
    }
    assert facts["constants"]["ZMQ_GROUP_MAX_LENGTH"]["value"] == 255, "an old value is no news"
    assert "ZMQ_STREAM: first seen in 3.2.5, not 4.0.0" in news


def test_a_prototype_that_changed_its_abi_is_an_error(facts) -> None:
    header = generate.load_header_module().read("int zmq_bind (void *s_, const char *addr_, int flags_);\n")
    with pytest.raises(SystemExit, match="zmq_bind"):
        generate.merge(facts, header, "4.4.0")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--header", "no/such/zmq.h"], "no/such/zmq.h"),
        (["--header", "{tree}/nameless.h"], "--version"),
        (["--nonsense"], "nonsense"),
    ],
)
def test_a_wrong_command(tree, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    (tree / "nameless.h").write_text("#define ZMQ_A 1\n\n")
    with pytest.raises(SystemExit) as caught:
        run(tree, *[argument.format(tree=tree) for argument in arguments])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_version_of_a_header_without_one(tree) -> None:
    (tree / "nameless.h").write_text("#define ZMQ_NEW_OPTION 130\n\n")
    assert run(tree, "--header", str(tree / "nameless.h"), "--version", "4.5.0") == 0
    assert '"first": "4.5.0"' in (tree / "tools" / "libzmq_api.json").read_text()


# -- the facts --------------------------------------------------------------------------------------------------------


def test_every_fact_is_complete(facts) -> None:
    assert len(facts["functions"]) == 97
    for name, entry in facts["functions"].items():
        assert set(entry) == {"prototype", "first", "stable"}, name
        assert re.search(rf"\b{name}\(", entry["prototype"])
    for name, entry in facts["constants"].items():
        assert {"group", "value", "first", "stable"} <= set(entry), name
        assert entry["group"] in {*generate.ENUMS, "plain", *generate.NOT_OFFERED}, name
        if entry["group"] == "SocketOption":
            assert entry["type"] in ("int", *generate.OPTION_TYPES), name
        for version in (entry["first"], entry["stable"], *entry.get("history", {})):
            assert version is None or generate.version_tuple(version) >= generate.FLOOR, name
        if "alias" in entry:
            assert facts["constants"][entry["alias"]]["value"] == entry["value"], name
        if "history" in entry:
            assert list(entry["history"].values())[-1] == entry["value"], name


needs_measurements = pytest.mark.skipif(not os.path.isdir(MEASURED), reason="no measurements beside this checkout")


def floor(version: str | None) -> tuple[int, int, int] | None:
    """A version of the measurements: they began at 3.2.1, and end with a snapshot of what will be 4.3.6."""
    if version is None:
        return None
    numbers = (4, 3, 6) if version.startswith("master") else generate.version_tuple(version)
    return generate.FLOOR if numbers == (3, 2, 1) else numbers


@needs_measurements
def test_functions_as_measured(facts) -> None:
    with open(os.path.join(MEASURED, "libzmq_functions.json"), encoding="utf-8") as file:
        measured = {row["name"]: row for row in json.load(file)}
    assert set(measured) == set(facts["functions"])
    for name, row in measured.items():
        entry = facts["functions"][name]
        assert entry["prototype"] == row["proto"]
        assert generate.version_tuple(entry["first"]) == floor(row["first"]), name
        assert (entry["stable"] and generate.version_tuple(entry["stable"])) == floor(row["stable_since"]), name


@needs_measurements
def test_socket_options_as_measured(facts) -> None:
    with open(os.path.join(MEASURED, "libzmq_sockopts.json"), encoding="utf-8") as file:
        measured = {row["name"]: row for row in json.load(file)}
    ours = {name for name, entry in facts["constants"].items() if entry["group"] == "SocketOption"}
    assert set(measured) - ours == {"ZMQ_IDENTITY_FD"}, "taken back in 4.1.1"
    # The first is pyzmq's own name, the others are aliases of ZMQ_ROUTER_MANDATORY.
    assert ours - set(measured) == {"ZMQ_HWM", "ZMQ_FAIL_UNROUTABLE", "ZMQ_ROUTER_BEHAVIOR"}
    kinds = {"uint64": "uint64", "int64": "int64", "fd": "fd", "string": "bytes", "binary": "bytes", "curve": "bytes"}
    for name in ours & set(measured):
        row, entry = measured[name], facts["constants"][name]
        kind = re.match(r"\w+", row["type"])
        assert kind is not None
        assert entry["type"] == kinds.get(kind.group(), "int"), name
        assert entry["value"] == row["value"], name
        assert generate.version_tuple(entry["first"]) == floor(row["first"]), name
        assert (entry["stable"] and generate.version_tuple(entry["stable"])) == floor(row["stable_since"]), name


@needs_measurements
def test_constants_as_measured(facts) -> None:
    with open(os.path.join(MEASURED, "libzmq_constants.md"), encoding="utf-8") as file:
        rows = [line.strip().strip("|").split(" | ") for line in file if re.match(r"\| (?:ZMQ_|E[A-Z])", line)]
    assert len(rows) > 250
    ours = {name for name, entry in facts["constants"].items() if entry.get("header", True)}
    assert ours == {row[0].strip() for row in rows}
    for row in rows:
        name, notes = row[0].strip(), row[-1].strip()
        entry = facts["constants"][name]
        versions = [cell.strip() for cell in row[2:] if re.fullmatch(r"\s*\d\.\d(\.\d)?\s*", cell)]
        if versions:
            assert generate.version_tuple(entry["first"]) == floor(versions[0]), name
        stable = re.search(r"stable since ([\d.]+)", notes)
        if stable:
            assert entry["stable"] == stable.group(1), name
        elif "draft" in notes:
            assert entry["stable"] is None, name


@needs_measurements
def test_the_names_of_pyzmq(facts) -> None:
    with open(os.path.join(MEASURED, "pyzmq_api.json"), encoding="utf-8") as file:
        module = json.load(file)["zmq.constants"]
    text = generate.render_stub(facts)
    offered = set(re.findall(r'"(\w+)"', text[text.index("__all__") :]))
    assert set(module["all"]) - offered == set()
