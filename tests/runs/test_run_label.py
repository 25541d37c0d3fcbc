"""A run's name and tags: what is allowed, and what survives in a file that anyone may have edited."""

import stat

import pytest

from adam_tui.history.run_view import RunView
from adam_tui.runs import directory, run_label
from adam_tui.runs.protocol import RunSpec
from adam_tui.runs.run_label import NO_LABEL, Label, make_label


def test_a_typed_text_is_a_name_and_tags_and_comes_back():
    label = Label.parse("  long #baseline  warm-up #v2 #baseline ")
    assert label == Label("long warm-up", ("baseline", "v2"))
    assert Label.parse(str(label)) == label
    assert Label.parse("  ") == NO_LABEL


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x" * 61, "at most 60 characters, not 61"),
        ("a\x1b[2Jb", "printable"),
        ("#", "a tag is one word"),
        ("#a;rm", "a tag is one word"),
        ("#" + "t" * 25, "at most 24"),
        (" ".join(f"#t{i}" for i in range(17)), "at most 16 tags, not 17"),
    ],
)
def test_a_label_that_cannot_be_shown_or_typed_is_refused(text, problem):
    with pytest.raises(ValueError, match=problem):
        Label.parse(text)


def test_a_name_that_panels_cannot_draw_is_left_to_lists_of_text():
    assert Label("warm-up é").drawn_name == "warm-up é"
    assert Label("学 1").drawn_name == ""
    wide, plain = (RunView("adam-7f3a", RunSpec(), 0.0, "running", label=Label(name)) for name in ("学 1", "warm-up"))
    assert (wide.title, plain.title) == ("adam-7f3a", "warm-up")


def test_a_name_cannot_look_like_a_tag():
    with pytest.raises(ValueError, match="does not begin with #"):
        make_label("#1", ())


def test_a_label_is_a_private_file_beside_the_specification_and_an_empty_one_is_none(run):
    label = Label("warm-up", ("baseline",))
    run.write_label(label)
    path = run.path / "label.json"
    assert run.label() == label
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    run.write_label(NO_LABEL)
    assert not path.exists()
    assert run.label() == NO_LABEL
    run.write_label(NO_LABEL)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"name": 3}', '{"tags": "a"}', '{"name": "a\\u001b[2J"}', "[" * 9000]
)
def test_a_damaged_label_is_none(run, content):
    (run.path / "label.json").write_text(content)
    assert run.label() == NO_LABEL
    (run.path / "label.json").unlink()
    (run.path / "label.json").mkdir()
    assert run.label() == NO_LABEL


def test_a_run_is_found_by_its_name_unless_two_have_it(tmp_path):
    first, second = (directory.create(RunSpec(), tmp_path, Label(name)) for name in ("warm-up", "other"))
    assert directory.find(tmp_path, "warm-up").id == first.id
    second.write_label(Label("warm-up"))
    with pytest.raises(ValueError, match="'warm-up' fits 2 runs"):
        directory.find(tmp_path, "warm-up")
    second.write_label(Label(first.id))
    assert directory.find(tmp_path, first.id).id == first.id, "an id comes first"
    assert run_label.read_label(tmp_path / "missing") == NO_LABEL
