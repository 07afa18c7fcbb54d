"""Which cluster a text means, and which places are refused because others could listen or write."""

import pytest

from handid.cluster.places import Address, Local, Queue, place


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("local", Local(workers=0)),
        ("local:3", Local(workers=3)),
        ("tcp://127.0.0.1:8786", Address(address="tcp://127.0.0.1:8786")),
        ("tcp://localhost:8786", Address(address="tcp://localhost:8786")),
        ("tcp://[::1]:8786", Address(address="tcp://[::1]:8786")),
        ("tls://gpu.example.org:8786", Address(address="tls://gpu.example.org:8786")),
    ],
)
def test_a_text_means_a_place(where, found):
    assert place(where) == found


def test_a_file_describes_a_queue_or_an_address(tmp_path):
    file = tmp_path / "lab.yaml"
    file.write_text("queue: slurm\njobs: 4\noptions: {cores: 8, memory: 32GB}\n")
    wanted = Queue(queue="slurm", jobs=4, options={"cores": 8, "memory": "32GB"})
    assert place(str(file)) == wanted
    file.write_text("address: tcp://10.0.0.7:8786\nplain: true\n")
    assert place(str(file)) == Address(address="tcp://10.0.0.7:8786", plain=True)


@pytest.mark.parametrize(
    "where", ["", "nowhere", "local:", "local:0", "local:-1", "local:two", "tcp://", "tcp://h", "http://h:1"]
    + [None, 3, "tcp://" + "x" * 3000, "tls://h:99999", "tcp://:8786", "inproc://x", "lab.yaml"]
    + ["local:" + "9" * 100, "local:\u0663", "tls://" + "a" * 300 + ":8786", "tls://a..b:8786"],
)  # fmt: skip
def test_a_text_that_means_none_is_told_what_would(where):
    with pytest.raises(ValueError, match=r"write local, local:N, tcp://HOST:PORT"):
        place(where)


def test_another_machine_needs_tls_or_the_users_word():
    with pytest.raises(ValueError, match=r"messages can carry code: use tls://10\.0\.0\.7:8786"):
        place("tcp://10.0.0.7:8786")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("queue: slurm\njobs: 2\nnodes: 3\n", r"^lab\.yaml: nodes: Extra .*; it may hold queue, j"),
        ("queue: fax\njobs: 2\n", "^lab.yaml: queue: Input should be 'slurm', "),
        ("queue: slurm\n", r"^lab\.yaml: jobs: Field required"),
        ("adress: tls://h:1\n", r"^lab\.yaml: address: Field required"),
        ("address: tcp://10.0.0.7:8786\n", "another machine"),
        ("- a\n", "^lab.yaml describes no cluster: it must name an address or a queue"),
        ("a: [\n", "^lab.yaml describes no cluster: "),
        ("!!python/object/apply:os.getcwd []\n", "^lab.yaml describes no cluster: could not det"),
        ("address: !!bool x\n", r"^lab\.yaml describes no cluster: 'x'\.$"),
        ("address: !!timestamp x\n", "^lab.yaml describes no cluster: 'NoneType' object"),
        ("address: tls://h:1\nca: ~nobody-there/x\n", r"^lab\.yaml .* home directory\.$"),
    ],
)
def test_a_file_that_describes_none_is_refused_in_one_sentence(content, sentence, tmp_path):
    file = tmp_path / "lab.yaml"
    file.write_text(content)
    with pytest.raises(ValueError, match=sentence) as refusal:
        place(str(file))
    assert "\n" not in str(refusal.value)
