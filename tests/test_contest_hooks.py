"""The user's own functions: found by name, called by id, their mistakes told by line."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from contest_folder import iris_tables, write_contest

from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.errors import ConfigError
from outfold.hooks import Hooks
from outfold.store.inputs_snapshot import MOST_FILES


def contest(root: Path, hooks: str, **keys: object) -> Contest:
    return load_contest(write_contest(root, *iris_tables(), target="species", hooks=hooks, **keys))


METRIC = """
import numpy as np
def top_miss(y, p):
    return float(np.mean(p.argmax(axis=1) != y))
top_miss.greater_is_better = False
"""


def test_a_metric_of_ones_own_is_called_by_its_name(tmp_path: Path) -> None:
    metric = contest(tmp_path, METRIC, metric="hooks.py:top_miss").metric
    assert (metric.name, metric.greater_is_better, metric.wants) == ("top_miss", False, "probabilities")
    assert metric.score(np.array([0, 1, 2]), np.array([[1, 0, 0], [1, 0, 0], [0, 0, 1]])) == pytest.approx(1 / 3)


def test_a_metric_of_ones_own_works_in_another_process(tmp_path: Path) -> None:
    metric = contest(tmp_path, METRIC, metric="hooks.py:top_miss").metric
    code = "import pickle, sys; m = pickle.load(sys.stdin.buffer); print(m.score([0, 1], [[0.9, 0.1, 0]] * 2))"
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(metric), capture_output=True, check=True)
    assert float(done.stdout) == 0.5


def test_a_metric_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"hooks\.py: there is no function 'top_mis'; did you mean top_miss"):
        contest(tmp_path, METRIC, metric="hooks.py:top_mis")


def test_a_metric_without_a_file_of_hooks_is_refused(tmp_path: Path) -> None:
    root = write_contest(tmp_path, *iris_tables(), target="species", metric="hooks.py:mine")
    with pytest.raises(ConfigError, match=r"hooks\.py: no such file.*'mine'"):
        load_contest(root)


def test_a_metric_that_raises_is_told_by_file_line_and_message(tmp_path: Path) -> None:
    metric = contest(tmp_path, "def mine(y, p):\n\n    return 1 / 0\n", metric="hooks.py:mine").metric
    with pytest.raises(ConfigError, match=r"hooks\.py: line 3: mine: ZeroDivisionError: division by zero"):
        metric.score(np.array([0, 1]), np.eye(3)[:2])


FURTHER_FILE = """
import pandas as pd
def features(train, test, inputs):
    height = pd.read_csv(inputs / "heights.csv", index_col="flower")["height"]
    for frame in (train, test):
        frame["height"] = height.reindex(frame.index).fillna(0)
    return train, test
def postprocess(submission, inputs):
    return submission.assign(height=len(pd.read_csv(inputs / "heights.csv")))
"""


def test_a_hook_that_names_inputs_may_read_a_further_file_of_the_contest(tmp_path: Path) -> None:
    flowers = iris_tables()[0]["flower"]
    (tmp_path / "inputs").mkdir()
    pd.DataFrame({"flower": flowers, "height": range(len(flowers))}).to_csv(tmp_path / "inputs" / "heights.csv")
    found = contest(tmp_path, FURTHER_FILE)
    assert found.train["height"].tolist() == list(range(len(flowers)))
    assert found.hooks.postprocess(pd.DataFrame({"flower": ["a"]}))["height"].tolist() == [len(flowers)]


def test_features_are_added_by_id_and_get_a_role(tmp_path: Path) -> None:
    hooks = """
def features(train, test):
    for frame in (train, test):
        frame["petal area"] = frame["petal length (cm)"] * frame["petal width (cm)"]
    return train.sort_index(), test
"""
    found = contest(tmp_path, hooks)
    assert "petal area" in found.roles.continuous
    assert found.train.index.tolist() == iris_tables()[0]["flower"].tolist()
    area = found.train["petal length (cm)"] * found.train["petal width (cm)"]
    np.testing.assert_allclose(found.train["petal area"], area)
    assert "petal area" in found.test


def test_features_never_see_the_target(tmp_path: Path) -> None:
    hooks = "def features(train, test):\n    assert 'species' not in train, 'a leak'\n    return train, test\n"
    assert "species" in contest(tmp_path, hooks).train


def test_features_that_are_changed_in_place_by_mistake_do_not_lose_rows(tmp_path: Path) -> None:
    hooks = "def features(train, test):\n    return train.iloc[:-2], test\n"
    with pytest.raises(ConfigError, match=r"did not keep the ids of train: 100 rows went in, 98 came out"):
        contest(tmp_path, hooks)


def test_features_that_lose_the_index_are_refused(tmp_path: Path) -> None:
    hooks = "def features(train, test):\n    return train, test.reset_index(drop=True)\n"
    with pytest.raises(ConfigError, match=r"did not keep the ids of test"):
        contest(tmp_path, hooks)


def test_features_that_return_one_table_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"features returned DataFrame, expected two"):
        contest(tmp_path, "def features(train, test):\n    return train\n")


def test_a_mistake_in_features_is_told_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"hooks\.py: line 2: features: KeyError: 'petals'"):
        contest(tmp_path, "def features(train, test):\n    return train['petals'], test\n")


def test_a_file_that_is_no_python_is_told_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"hooks\.py: line 2: "):
        contest(tmp_path, "x = 1\ndef features(train, test)\n    return train, test\n")


def test_a_file_that_fails_on_import_is_told_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"hooks\.py: line 2: ModuleNotFoundError: .*no_such_library"):
        contest(tmp_path, "\nimport no_such_library\n")


def test_an_edited_file_is_loaded_anew_at_once(tmp_path: Path) -> None:
    text = "def features(train, test):\n    return train.assign(k=train.index % 2), test.assign(k=test.index % 2)\n"
    assert "k" in contest(tmp_path, text).train
    assert "j" in contest(tmp_path, text.replace("k=", "j=")).train


def test_postprocess_changes_the_submission_and_must_return_one(tmp_path: Path) -> None:
    found = contest(tmp_path, "def postprocess(frame):\n    frame['setosa'] = 0.25\n    return frame\n")
    changed = found.hooks.postprocess(found.sample)
    assert (changed["setosa"] == 0.25).all() and (found.sample["setosa"] != 0.25).all()
    (tmp_path / "competition" / "hooks.py").write_text("def postprocess(frame):\n    frame['setosa'] = 1\n")
    with pytest.raises(ConfigError, match=r"postprocess returned NoneType, expected a DataFrame"):
        found.hooks.postprocess(found.sample)


def test_without_hooks_nothing_is_changed(tmp_path: Path) -> None:
    found = load_contest(write_contest(tmp_path, *iris_tables(), target="species"))
    assert found.hooks.postprocess(found.sample) is found.sample


ROWS = "def features(train, test):\n    {}\n    return train, test\n"


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("exit(3)", r"line 2: features: asked the process to exit: SystemExit: 3"),
        ("raise BaseException('oh')", r"line 2: features: BaseException: oh"),
        ("raise GeneratorExit", r"line 2: features: GeneratorExit"),
        ("import sys; sys.stdout.close()", r"features: it closed an output stream"),
        ("import sys; sys.stderr.close()", r"features: it closed an output stream"),
        (
            "train.columns = pd.MultiIndex.from_product([['a'], train.columns])",
            r"features returned 2 levels of columns",
        ),
        ("train = train.set_index('petal width (cm)', append=True)", r"features returned 2 levels of index for train"),
        ("train = train.rename(columns={'petal width (cm)': 0})", r"whose names are no text: 0"),
        ("train = pd.concat([train, train])", r"features returned ids of train twice"),
        ("train['petal width (cm)'] = 1; test = pd.concat([test, test], axis=1)", r"twice for test"),
        ("train = train.to_numpy()", r"features returned ndarray for train"),
        (
            "(inputs / 'train.csv').write_text('gone')",
            r"features changed files in .*inputs: train.csv; a hook may only",
        ),
        ("(inputs / 'new.csv').touch()", r"features changed files in .*inputs: new.csv"),
        ("(inputs / 'test.csv').unlink()", r"features changed files in .*inputs: test.csv"),
    ],
)
def test_what_a_hook_must_not_do_is_told_by_its_file_and_name(tmp_path: Path, statement: str, said: str) -> None:
    hooks = "import pandas as pd\nfrom pathlib import Path\ninputs = Path(__file__).parents[1] / 'inputs'\n"
    with pytest.raises(ConfigError, match=r"hooks\.py: .*" + said.replace("line 2", "line 5")):
        contest(tmp_path, hooks + ROWS.format(statement))


IMAGES = """
from pathlib import Path
inputs = Path(__file__).parents[1] / "inputs"
images = inputs / "images"
def nothing(train, rows):
    return rows
def add(train, rows):
    (images / "new.jpg").touch()
    return rows
def remove(train, rows):
    (images / "new.jpg").unlink()
    return rows
def overwrite(train, rows):
    (inputs / "few" / "0.jpg").write_text("other")
    return rows
def replace(train, rows):
    (images / ".other").write_text("other")
    (images / ".other").replace(images / "0.jpg")
    return rows
def folder(train, rows):
    (images / "more").mkdir()
    return rows
"""


def test_what_a_hook_does_to_one_of_many_images_is_found_without_a_walk_for_each_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_contest(tmp_path, *iris_tables(), target="species", hooks=IMAGES)
    images = root / "inputs" / "images"
    images.mkdir()
    for number in range(MOST_FILES + 1):
        (images / f"{number}.jpg").touch()
    (root / "inputs" / "few").mkdir()
    (root / "inputs" / "few" / "0.jpg").touch()
    hooks = Hooks(root / "competition" / "hooks.py", root / "inputs")
    table = pd.DataFrame({"x": [1.0, 2.0]}, index=["a", "b"])
    hooks.made("nothing", table, table)

    seen: list[str] = []
    for name in ("stat", "scandir"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda path, *args, real=real, **keys: (seen.append(path), real(path, **keys))[1])
    hooks.made("nothing", table, table)
    assert len(seen) < 50
    for name, said in (
        ("add", "images/new.jpg"),
        ("remove", "images/new.jpg"),
        ("overwrite", "few/0.jpg"),
        ("replace", "images/"),
        ("folder", "images/more/"),
    ):
        with pytest.raises(ConfigError, match=rf"{name} changed files in .*inputs: {said};"):
            hooks.made(name, table, table)
    hooks.made("nothing", table, table)


@pytest.mark.parametrize("content", [b"\xff\xfed\x00e\x00f\x00", b"\x89PNG\r\n\x1a\n\x00", b"x = 1\x00"])
def test_a_file_that_is_no_text_is_named(tmp_path: Path, content: bytes) -> None:
    root = write_contest(tmp_path, *iris_tables(), target="species", hooks="")
    (root / "competition" / "hooks.py").write_bytes(content)
    with pytest.raises(ConfigError, match=r"hooks\.py: .*expected Python source"):
        load_contest(root)


def test_a_file_that_exits_as_it_is_loaded_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"hooks\.py: line 2: asked the process to exit"):
        contest(tmp_path, "import sys\nsys.exit()\n")


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    assert contest(tmp_path, "\ufeff" + METRIC, metric="hooks.py:top_miss").metric.name == "top_miss"


def test_what_a_hook_prints_mixes_with_no_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    contest(tmp_path, "print('loaded')\n" + ROWS.format("print('called' * 10_000)"))
    out, err = capsys.readouterr()
    assert out == "" and "loaded" in err and "called" in err


def test_a_hook_that_changes_its_arguments_changes_nothing_else(tmp_path: Path) -> None:
    hooks = """
def spoil(y, p):
    y[:] = 0
    p[:] = 1
    return 0.5
def worse(train, rows):
    train.iloc[:, 0] = rows.iloc[:, 0] = -1
    train.drop(columns=train.columns[1:], inplace=True)
    return rows
"""
    found = contest(tmp_path, hooks, metric="hooks.py:spoil")
    y, p = np.array([0, 1, 2]), np.eye(3)
    found.metric.score(y, p)
    found.hooks.function("spoil")(y, p)
    assert y.tolist() == [0, 1, 2] and (p == np.eye(3)).all()
    before = found.train.copy()
    found.hooks.made("worse", found.train, found.train)
    pd.testing.assert_frame_equal(found.train, before)
