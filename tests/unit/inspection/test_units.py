"""Units, words and environment files, as systemd reads them."""

from __future__ import annotations

import pytest

from podstead.inspection.units import command_line, drop_in_directories, read_service, variables
from podstead.inspection.words import assignments, environment_file, expand, split_words
from tests.support.inspected import KUBEADM_DROP_IN


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a b\t c", ("a", "b", "c")),
        ("'a b' \"c d\"e", ("a b", "c de")),
        (r"a\ b \x41\u00e9\101 \n", ("a b", "AéA", "\n")),
        ("'' x", ("", "x")),
        ("'open to the end", ("open to the end",)),
        ("", ()),
    ],
)
def test_words(text: str, words: tuple[str, ...]) -> None:
    assert split_words(text) == words


def test_variables_in_a_command_line() -> None:
    environment = {"ARGS": "--a=1 '--b=x y'", "DIR": "/opt/my pods"}
    words = ("$ARGS", "--d=${DIR}", "$MISSING", "$$X", "x$ARGS")
    assert expand(words, environment) == ("--a=1", "--b=x y", "--d=/opt/my pods", "$X", "x$ARGS")


def test_an_environment_line_and_a_file() -> None:
    assert list(assignments("\"A=1 2\" B=3 no C='4'")) == [("A", "1 2"), ("B", "3"), ("C", "4")]
    text = '# c \\\nX=no\n; c\nA = plain text \nB="two \\\nlines" \nC=\'$x\'\nno line\nD=a\\\nb\nE="q\\"x"\n'
    assert dict(environment_file(text)) == {"A": "plain text", "B": "two lines", "C": "$x", "D": "ab", "E": 'q"x'}


def test_the_articles_options_go_over_several_lines() -> None:
    """An installation from binaries: KUBELET_OPTS in a file, each flag on a line of its own."""
    unit = "[Service]\nEnvironmentFile=/opt/kubernetes/cfg/kubelet.conf\nExecStart=/opt/kubernetes/bin/kubelet $KUBELET_OPTS\n"
    options = 'KUBELET_OPTS="--logtostderr=false \\\n--v=2 \\\n--pod-manifest-path=/opt/staticpod/ \\\n--x=y"\n'
    service = read_service([unit])
    assert [(file.path, file.optional) for file in service.files] == [("/opt/kubernetes/cfg/kubelet.conf", False)]
    line = command_line(service.commands[0], variables(service, [options]))
    assert line == (
        "/opt/kubernetes/bin/kubelet",
        "--logtostderr=false",
        "--v=2",
        "--pod-manifest-path=/opt/staticpod/",
        "--x=y",
    )


def test_a_drop_in_clears_what_came_before() -> None:
    service = read_service(["[Service]\nExecStart=/usr/bin/kubelet --a\n", KUBEADM_DROP_IN])
    assert len(service.commands) == 1
    extra = "KUBELET_EXTRA_ARGS=--pod-manifest-path=/srv/pods\n"
    line = command_line(service.commands[0], variables(service, ["KUBELET_CONFIG_ARGS=--config=/other\n", extra]))
    assert line[0] == "/usr/bin/kubelet"
    assert line[-2:] == ("--config=/other", "--pod-manifest-path=/srv/pods"), "a file wins over Environment="


def test_commands_with_prefixes_comments_and_joined_lines() -> None:
    text = "[Unit]\nExecStart=/no\n[Service]\n# ExecStart=/no\nExecStart=-/bin/a \\\n# in between\n  --b\nExecStart=@/bin/c argv0 $V\nExecStart=:/bin/d $V\n"
    commands = read_service([text]).commands
    assert [command_line(command, {"V": "x"}) for command in commands] == [
        ("/bin/a", "--b"),
        ("/bin/c", "x"),
        ("/bin/d", "$V"),
    ]


def test_names_of_drop_in_directories() -> None:
    assert drop_in_directories("a-b@c.service") == ("service.d", "a-.service.d", "a-b@.service.d", "a-b@c.service.d")
