"""Sentences and prompts as token numbers."""

from handid.backbone import words


def test_the_prompt_puts_the_pseudo_token_at_index_five():
    numbers, place = words.tokenise_prompt("A photo of a {} hand")
    assert place == 5  # start, a, photo, of, a, S*
    assert numbers.shape == (1, 8)  # ..., hand, end
    assert int(numbers[0, -1]) == 49407
