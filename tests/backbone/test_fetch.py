"""Files from the network: checked by their sha256; without a network one sentence in seconds."""

import hashlib
import io
import time

import pytest

from handid import backbone
from handid.backbone import fetch

CONTENT = b"what OpenAI published"
URL = f"https://example.org/models/{hashlib.sha256(CONTENT).hexdigest()}/ViT-B-16.pt"


@pytest.fixture
def served(monkeypatch, tmp_path):
    """served(content): what the address answers; the cache is a folder of the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    asked = []

    def answer(content):
        def opened(url, timeout):
            asked.append((url, timeout))
            return io.BytesIO(content)

        monkeypatch.setattr(fetch.urllib.request, "urlopen", opened)
        return asked

    return answer


def test_an_archive_is_fetched_once_and_checked(served):
    asked = served(CONTENT)
    paths = {fetch.archive(URL) for _ in range(2)}
    assert [path.read_bytes() for path in paths] == [CONTENT]
    assert asked == [(URL, fetch.SECONDS)]


def test_another_file_at_the_address_is_refused_and_not_kept(served):
    served(b"something else")
    with pytest.raises(ValueError, match="is not the published file: its sha256 differs"):
        fetch.archive(URL)
    assert not list(fetch.cache().glob("*"))


def test_a_changed_file_in_the_cache_is_fetched_again(served):
    served(CONTENT)
    fetch.archive(URL).write_bytes(b"changed")
    assert fetch.archive(URL).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("ViT-B/16", "https://openaipublic.azureedge.net/.*/ViT-B-16.pt"),
        ("RN50", "https://openaipublic.azureedge.net/.*/RN50.pt"),
        ("ViT-B-32:openai", "https://openaipublic.azureedge.net/.*/ViT-B-32.pt"),
        ("ViT-B-32:laion2b_s34b_b79k", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"),
        ("timm:resnet18", "timm/resnet18"),
    ],
)
def test_without_a_network_one_sentence_names_the_file_and_the_option(
    name, file, monkeypatch, tmp_path
):
    """Neither OpenAI's nor the hub's host answers; the hub's own client would wait a minute."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def unreachable(*_, **__):
        raise fetch.urllib.error.URLError("no network")

    monkeypatch.setattr(fetch.urllib.request, "urlopen", unreachable)
    monkeypatch.setattr(fetch, "try_to_load_from_cache", lambda *_: None)
    monkeypatch.setattr(backbone, "Backbone", lambda *_: pytest.fail("built before it was fetched"))
    start = time.perf_counter()
    with pytest.raises(ValueError, match=file) as caught:
        backbone.build(name, "")
    assert "cannot be fetched (no network)" in str(caught.value)
    assert "--weights PATH" in str(caught.value) and "\n" not in str(caught.value)
    assert time.perf_counter() - start < 10  # no retries


def test_a_text_encoder_that_cannot_be_set_up_without_a_network_is_one_sentence(monkeypatch):
    def unreachable(*_, **__):
        raise fetch.urllib.error.URLError("no network")

    monkeypatch.setattr(fetch.urllib.request, "urlopen", unreachable)
    monkeypatch.setattr(fetch, "try_to_load_from_cache", lambda *_: None)
    with pytest.raises(ValueError, match=r"roberta-base cannot be set up \(no network\): fetch"):
        backbone.build("roberta-ViT-B-32:random", "")
