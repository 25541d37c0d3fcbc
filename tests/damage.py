"""Ways to damage the files of a run: those of disks, of editors and of attackers."""

from __future__ import annotations

import json
import os
import shutil

STRANGE = [
    *(
        None,
        True,
        [],
        {},
        [[]],
        "",
        "x",
        "1",
        "nan",
        "x" * 5000,
        "\ud800",
        "\x1b[2J\x07",
        "[red]a[/] [@click=app.exit]b[/]",
    ),
    *(0, -1, 1, 3, 2**31, 2**53, 2**63, -(2**63), 10**40, 1e-300, 1e16, 1e308, -1e308, float("inf"), float("nan")),
    *("\u202eabc", "a\u200bb", "漢字", "e\u0301", "../../etc", "/dev/zero"),
]


def flip_bits(chance, data):
    """Flip some bits."""
    changed = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 8, 64]) if data else 0):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut(chance, data):
    """Remove the end: usually a little of it or nearly everything."""
    size = len(data)
    return data[: chance.choice([0, 1, size // 2, size - 1, size - 2, chance.randrange(size + 1)])]


def cut_out(chance, data):
    """Remove or repeat a piece in the middle."""
    a, b = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return data[:a] + data[b:] if chance.random() < 0.5 else data[:b] + data[a:]


def zeros(chance, data):
    """Zero a block that never reached the disk."""
    a = chance.randrange(len(data) + 1)
    return data[:a] + bytes(min(4096, len(data) - a)) + data[a + 4096 :]


def noise(chance, data):
    """Replace the content by something else."""
    return chance.choice(
        [
            b"\xff\xfe\x80",
            b"null",
            b"[" * 200_000,
            b'{"a":' * 50_000,
            b'{"event":"steps","losses":[' + b"1," * 500_000,
            b"9" * 10_000,
            b"\x00" * 1000,
            b"\n" * 10_000,
            b"\r\n\x1b[31m[/]\n",
            chance.randbytes(chance.randrange(1, 5000)),
        ]
    )


def mixed(chance, data):
    """Insert noise in the middle."""
    a = chance.randrange(len(data) + 1)
    return data[:a] + noise(chance, data) + data[a:]


def strange_values(chance, data):
    """Replace values in valid JSON by strange ones."""
    lines = data.decode("utf-8", "replace").splitlines()
    try:
        whole = [json.loads(data)]
    except ValueError:
        whole = []
        for line in lines:
            try:
                whole.append(json.loads(line))
            except ValueError:
                whole.append({})
    for _ in range(chance.choice([1, 1, 2, 5])):
        _replace_one(chance, chance.choice(whole)) if whole else None
    return "\n".join(json.dumps(each) for each in whole).encode("utf-8", "surrogatepass") + b"\n"


def _replace_one(chance, value):
    if not isinstance(value, dict | list) or not value:
        return
    key = chance.choice(list(value)) if isinstance(value, dict) else chance.randrange(len(value))
    if isinstance(value[key], dict | list) and value[key] and chance.random() < 0.6:
        _replace_one(chance, value[key])
    elif isinstance(value, dict) and chance.random() < 0.1:
        del value[key]
    else:
        value[key] = chance.choice(STRANGE)


CONTENTS = (flip_bits, cut, cut_out, zeros, noise, mixed, strange_values)


def _folder(path):
    path.mkdir()


def _folder_with_something(path):
    path.mkdir()
    (path / "kept").write_text("x")


def _fifo(path):
    os.mkfifo(path)


def _endless(path):
    path.symlink_to("/dev/zero")


def _dangling(path):
    path.symlink_to("nowhere")


def _loop(path):
    path.symlink_to(path.name)


def _missing(path):
    pass


INSTEAD = (_folder, _folder_with_something, _fifo, _endless, _dangling, _loop, _missing)


def damage(chance, path):
    """Damage a file; returns the kind of damage in words."""
    if chance.random() < 0.2 or not path.is_file():
        how = chance.choice(INSTEAD)
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        how(path)
    else:
        how = chance.choice(CONTENTS)
        path.write_bytes(how(chance, path.read_bytes()))
    return f"{path.name}: {how.__name__.strip('_')}"
